#include "api/params.h"

#include <gtest/gtest.h>

namespace slurmscope::api {
namespace {

std::string TimeOf(std::string_view text) {
  auto ms = ParseTimeMs(text);
  return ms ? std::to_string(*ms) : ms.error().message();
}

std::string StepOf(std::string_view text) {
  auto ms = ParseStepMs(text);
  return ms ? std::to_string(*ms) : ms.error().message();
}

http::Request With(http::Pairs params) {
  http::Request request;
  request.params = std::move(params);
  return request;
}

TEST(ParseTimeMs, TakesSecondsAndRfc3339) {
  EXPECT_EQ(TimeOf("0"), "0");
  EXPECT_EQ(TimeOf("1435781430.781"), "1435781430781");
  EXPECT_EQ(TimeOf("-1.5"), "-1500");
  EXPECT_EQ(TimeOf("1.0004"), "1000");
  EXPECT_EQ(TimeOf("1.0006"), "1001");
  EXPECT_EQ(TimeOf("1e3"), "1000000");
  EXPECT_EQ(TimeOf("2015-07-01T20:10:30.781Z"), "1435781430781");
  EXPECT_EQ(TimeOf("2015-07-01T22:10:30+02:00"), "1435781430000");
}

TEST(ParseTimeMs, RefusesTheRest) {
  for (std::string_view text : {"", "x", "NaN", "Inf", "-Inf", "1e300", "-1e300",
                                "2015-13-01T00:00:00Z", "1 ", " 1", "2015-07-01", "5m"}) {
    EXPECT_EQ(TimeOf(text), "cannot parse \"" + std::string(text) + "\" to a valid timestamp");
  }
}

TEST(ParseTimeMs, TheEndsOfTimeAreFarFromOverflow) {
  EXPECT_GT(kMaxTimeMs - kMinTimeMs, 0);
  EXPECT_EQ(TimeOf("9e12"), "9000000000000000");
  EXPECT_EQ(TimeOf("-9e12"), "-9000000000000000");
}

TEST(ParseStepMs, TakesSecondsAndDurations) {
  EXPECT_EQ(StepOf("15"), "15000");
  EXPECT_EQ(StepOf("0.25"), "250");
  EXPECT_EQ(StepOf("-1"), "-1000");
  EXPECT_EQ(StepOf("1h30m"), "5400000");
  EXPECT_EQ(StepOf("5ms"), "5");
}

TEST(ParseStepMs, RefusesTheRest) {
  EXPECT_EQ(StepOf("soon"), "cannot parse \"soon\" to a valid duration");
  EXPECT_EQ(StepOf(""), "cannot parse \"\" to a valid duration");
  EXPECT_EQ(StepOf("1e10"), "cannot parse \"1e10\" to a valid duration. It overflows int64");
  EXPECT_EQ(StepOf("NaN"), "cannot parse \"NaN\" to a valid duration. It overflows int64");
  EXPECT_EQ(StepOf("-Inf"), "cannot parse \"-Inf\" to a valid duration. It overflows int64");
}

TEST(TimeParam, NamesItselfInTheError) {
  EXPECT_EQ(*TimeParam(With({}), "time", 7), 7);
  EXPECT_EQ(*TimeParam(With({{"time", ""}}), "time", 7), 7);
  EXPECT_EQ(*TimeParam(With({{"time", "8"}, {"time", "9"}}), "time", 7), 8000);
  EXPECT_EQ(TimeParam(With({{"time", "x"}}), "time", 7).error().message(),
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a "
            "valid timestamp");
}

TEST(LimitParam, IsANumberNotBelowZero) {
  EXPECT_EQ(*LimitParam(With({})), 0u);
  EXPECT_EQ(*LimitParam(With({{"limit", "0"}})), 0u);
  EXPECT_EQ(*LimitParam(With({{"limit", "9223372036854775807"}})), 9223372036854775807u);
  for (const char* text : {"-1", "1.5", "x", "9223372036854775808", "1 "}) {
    auto limit = LimitParam(With({{"limit", text}}));
    ASSERT_FALSE(limit) << text;
    EXPECT_EQ(limit.error().code(), base::ErrorCode::kInvalidArgument);
    EXPECT_TRUE(limit.error().message().starts_with("invalid parameter \"limit\": "))
        << limit.error().message();
  }
}

TEST(MatchersParam, ReadsEachSelector) {
  auto sets =
      MatchersParam(With({{"match[]", "up"}, {"x", "y"}, {"match[]", "{a=~\"b.*\",c!=\"d\"}"}}));
  ASSERT_TRUE(sets) << sets.error().message();
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_EQ((*sets)[0].size(), 1u);
  EXPECT_EQ((*sets)[1].size(), 2u);
  for (const char* text : {"", "{}", "up[5m]", "rate(up[5m])", "{a=~\"(\"}", "up offset 5m"}) {
    auto refused = MatchersParam(With({{"match[]", text}}));
    ASSERT_FALSE(refused) << text;
    EXPECT_TRUE(refused.error().message().starts_with("invalid parameter \"match[]\": "))
        << refused.error().message();
  }
}

}  // namespace
}  // namespace slurmscope::api
