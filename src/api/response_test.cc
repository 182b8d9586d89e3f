#include "api/response.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace slurmscope::api {
namespace {

using base::ErrorCode;

void WriteNothing(base::JsonWriter& json) { json.BeginArray().EndArray(); }

TEST(ErrorResponse, HasTypeAndStatus) {
  struct Case {
    ErrorType type;
    int status;
    const char* name;
  };
  for (const Case& c :
       {Case{ErrorType::kBadData, 400, "bad_data"}, Case{ErrorType::kExecution, 422, "execution"},
        Case{ErrorType::kCanceled, 499, "canceled"}, Case{ErrorType::kTimeout, 503, "timeout"},
        Case{ErrorType::kInternal, 500, "internal"},
        Case{ErrorType::kUnavailable, 503, "unavailable"},
        Case{ErrorType::kNotFound, 404, "not_found"}}) {
    http::Response response = ErrorResponse(c.type, "so\"\n");
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_EQ(response.body,
              base::StrCat(R"({"status":"error","errorType":")", c.name, R"(","error":"so\"\n"})"));
  }
}

TEST(ErrorResponse, EveryCodeHasItsType) {
  auto status = [](ErrorCode code) { return ErrorResponse(base::Error(code, "x")).status; };
  EXPECT_EQ(status(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(status(ErrorCode::kResourceExhausted), 422);
  EXPECT_EQ(status(ErrorCode::kOutOfRange), 422);
  EXPECT_EQ(status(ErrorCode::kTimeout), 503);
  EXPECT_EQ(status(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status(ErrorCode::kCanceled), 499);
  EXPECT_EQ(status(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status(ErrorCode::kIo), 500);
  EXPECT_EQ(status(ErrorCode::kCorruption), 500);
}

TEST(BadParameter, QuotesTheName) {
  EXPECT_EQ(
      BadParameter("a\"b", "m").body,
      R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"a\\\"b\": m"})");
}

TEST(SuccessResponse, LeavesOutEmptyAnnotations) {
  http::Response response = SuccessResponse(WriteNothing);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body, R"({"status":"success","data":[]})");
  EXPECT_EQ(SuccessResponse(WriteNothing, {"w"}, {"i", "j"}).body,
            R"({"status":"success","data":[],"warnings":["w"],"infos":["i","j"]})");
}

TEST(SuccessResponse, CutsAnnotationsAtTen) {
  std::vector<std::string> ten(10, "w");
  std::vector<std::string> twelve(12, "i");
  std::string body = SuccessResponse(WriteNothing, ten, twelve).body;
  EXPECT_EQ(body,
            R"({"status":"success","data":[],"warnings":["w","w","w","w","w","w","w","w","w","w"],)"
            R"("infos":["i","i","i","i","i","i","i","i","i","i","2 more infos omitted"]})");
}

TEST(WriteLabels, KeepsTheirOrderAndEscapes) {
  std::string out;
  base::JsonWriter json(out);
  WriteLabels(json, model::Labels{{"b", "<&>\t\x01"}, {"__name__", "up"}, {"a", "ü\xff"}});
  EXPECT_EQ(out, "{\"__name__\":\"up\",\"a\":\"ü\xEF\xBF\xBD\",\"b\":\"<&>\\t\\u0001\"}");
}

}  // namespace
}  // namespace slurmscope::api
