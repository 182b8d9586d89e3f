#include "api/result_json.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/strings.h"

namespace slurmscope::api {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string TimestampOf(int64_t ms) {
  std::string out;
  AppendTimestamp(out, ms);
  return out;
}

// The `data` of an answer, written in pieces of some bytes.
std::string Json(promql::QueryResult result, size_t limit = 0, bool with_stats = false,
                 bool truncated = false, size_t piece = 1 << 20) {
  AnswerWriter writer(std::move(result), {.with_stats = with_stats, .limit = limit});
  std::string out;
  while (writer.Next(out, piece)) {
  }
  constexpr std::string_view kHead = R"({"status":"success","data":)";
  EXPECT_TRUE(out.starts_with(kHead));
  const std::string tail = truncated ? R"(,"warnings":["results truncated due to limit"]})" : "}";
  EXPECT_TRUE(out.ends_with(tail)) << out;
  return out.substr(kHead.size(), out.size() - kHead.size() - tail.size());
}

promql::QueryResult Result(auto value) {
  promql::QueryResult result;
  result.value = std::move(value);
  return result;
}

promql::VectorResult Vector(std::vector<double> values) {
  promql::VectorResult vector;
  vector.t = 1435781430781;
  for (double v : values) {
    vector.samples.push_back({model::Labels{{"i", std::to_string(vector.samples.size())}}, v});
  }
  return vector;
}

TEST(AppendTimestamp, HasThreeDecimalsOrNone) {
  EXPECT_EQ(TimestampOf(0), "0");
  EXPECT_EQ(TimestampOf(1), "0.001");
  EXPECT_EQ(TimestampOf(10), "0.010");
  EXPECT_EQ(TimestampOf(100), "0.100");
  EXPECT_EQ(TimestampOf(1435781430781), "1435781430.781");
  EXPECT_EQ(TimestampOf(1435781430000), "1435781430");
  EXPECT_EQ(TimestampOf(-1), "-0.001");
  EXPECT_EQ(TimestampOf(-12345), "-12.345");
  EXPECT_EQ(TimestampOf(std::numeric_limits<int64_t>::max()), "9223372036854775.807");
  EXPECT_EQ(TimestampOf(std::numeric_limits<int64_t>::min()), "-9223372036854775.808");
}

TEST(AnswerWriter, Scalar) {
  EXPECT_EQ(Json(Result(promql::ScalarResult{1500, 0.1})),
            R"({"resultType":"scalar","result":[1.5,"0.1"]})");
  EXPECT_EQ(Json(Result(promql::ScalarResult{1435781430781, -1e-7})),
            R"({"resultType":"scalar","result":[1435781430.781,"-0.0000001"]})");
  EXPECT_EQ(Json(Result(promql::ScalarResult{0, kNan})),
            R"({"resultType":"scalar","result":[0,"NaN"]})");
}

TEST(AnswerWriter, String) {
  EXPECT_EQ(Json(Result(promql::StringResult{1000, "a\"b\n"})),
            R"({"resultType":"string","result":[1,"a\"b\n"]})");
}

TEST(AnswerWriter, VectorWithEveryFormOfFloat) {
  EXPECT_EQ(Json(Result(Vector({}))), R"({"resultType":"vector","result":[]})");
  auto value = [](double v) {
    std::string json = Json(Result(Vector({v})));
    size_t begin = json.find(".781,\"") + 6;
    return json.substr(begin, json.find('"', begin) - begin);
  };
  EXPECT_EQ(value(1), "1");
  EXPECT_EQ(value(-0.0), "-0");
  EXPECT_EQ(value(1e6), "1000000");
  EXPECT_EQ(value(123456789012345680000.0), "123456789012345680000");
  EXPECT_EQ(value(1e21), "1e+21");
  EXPECT_EQ(value(0.000001), "0.000001");
  EXPECT_EQ(value(1e-7), "1e-07");
  EXPECT_EQ(value(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(value(kInf), "+Inf");
  EXPECT_EQ(value(-kInf), "-Inf");
  EXPECT_EQ(value(kNan), "NaN");
  EXPECT_EQ(value(5e-324), "5e-324");
}

TEST(AnswerWriter, VectorKeepsItsOrder) {
  EXPECT_EQ(Json(Result(Vector({2, 1}))),
            R"({"resultType":"vector","result":[{"metric":{"i":"0"},"value":[1435781430.781,"2"]},)"
            R"({"metric":{"i":"1"},"value":[1435781430.781,"1"]}]})");
}

TEST(AnswerWriter, Matrix) {
  promql::MatrixResult matrix;
  matrix.series.push_back({model::Labels{{"__name__", "up"}, {"job", "a"}}, {}});
  matrix.series.push_back({model::Labels{}, {}});
  matrix.series[0].points.t = {1000, 2500};
  matrix.series[0].points.v = {1, kNan};
  matrix.series[1].points.t = {1000};
  matrix.series[1].points.v = {-3};
  EXPECT_EQ(
      Json(Result(matrix)),
      R"({"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1,"1"],[2.500,"NaN"]]},)"
      R"({"metric":{},"values":[[1,"-3"]]}]})");
  EXPECT_EQ(
      Json(Result(matrix), 1, false, true),
      R"({"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1,"1"],[2.500,"NaN"]]}]})");
  EXPECT_EQ(Json(Result(promql::MatrixResult{})), R"({"resultType":"matrix","result":[]})");
}

TEST(AnswerWriter, LimitCutsSeriesAndSaysSo) {
  EXPECT_EQ(
      Json(Result(Vector({7, 8})), 1, false, true),
      R"({"resultType":"vector","result":[{"metric":{"i":"0"},"value":[1435781430.781,"7"]}]})");
  EXPECT_EQ(Json(Result(Vector({7})), 1, false, false), Json(Result(Vector({7}))));
  EXPECT_EQ(Json(Result(promql::ScalarResult{0, 1}), 1),
            R"({"resultType":"scalar","result":[0,"1"]})");
}

TEST(AnswerWriter, Stats) {
  promql::QueryResult result = Result(promql::ScalarResult{0, 1});
  result.stats.total_samples = 12;
  result.stats.peak_samples = 5;
  result.stats.timings = {0.125, 0.25, 1, 2, 0.5, 4};
  constexpr std::string_view kTimings =
      R"("timings":{"evalTotalTime":0.5,"resultSortTime":2,"queryPreparationTime":0.25,)"
      R"("innerEvalTime":1,"execQueueTime":0.125,"execTotalTime":4})";
  EXPECT_EQ(Json(result, 0, true),
            base::StrCat(R"({"resultType":"scalar","result":[0,"1"],"stats":{)", kTimings,
                         R"(,"samples":{"totalQueryableSamples":12,"peakSamples":5}}})"));
  result.stats.per_step = {{1000, 7}, {1500, 5}};
  EXPECT_EQ(Json(result, 0, true),
            base::StrCat(R"({"resultType":"scalar","result":[0,"1"],"stats":{)", kTimings,
                         R"(,"samples":{"totalQueryableSamplesPerStep":[[1,7],[1.500,5]],)",
                         R"("totalQueryableSamples":12,"peakSamples":5}}})"));
}

promql::QueryResult Mixed() {
  promql::MatrixResult matrix;
  for (int i = 0; i < 5; ++i) {
    promql::MatrixSeries& series = matrix.series.emplace_back();
    series.labels = model::Labels{{"i", std::to_string(i)}};
    for (int t = 0; t < 40; ++t) {
      if (i > 0 && t % i == 0) {
        auto histogram = std::make_shared<model::FloatHistogram>();
        histogram->count = t;
        histogram->positive = {{0, static_cast<double>(t)}};
        series.points.Append(t * 1000, std::move(histogram));
      } else {
        series.points.Append(t * 1000, t / 3.0);
      }
    }
  }
  promql::QueryResult result = Result(std::move(matrix));
  result.warnings = {"a warning"};
  result.infos.assign(12, "an info");
  return result;
}

TEST(AnswerWriter, PiecesDoNotDependOnTheirSize) {
  std::string whole;
  EXPECT_FALSE(AnswerWriter(Mixed(), {}).Next(whole, 1 << 20));
  EXPECT_TRUE(whole.ends_with(R"("2 more infos omitted"]})"));
  for (size_t bytes : {1, 2, 7, 64, 1000}) {
    AnswerWriter writer(Mixed(), {});
    std::string all;
    while (true) {
      std::string piece;
      const bool more = writer.Next(piece, bytes);
      EXPECT_LT(piece.size(), bytes + 500);  // the annotations come at once
      EXPECT_FALSE(piece.empty());
      all += piece;
      if (!more) break;
      EXPECT_GE(piece.size(), bytes);
    }
    EXPECT_EQ(all, whole);
  }
}

}  // namespace
}  // namespace slurmscope::api
