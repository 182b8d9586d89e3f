#include "api/result_json.h"

#include <gtest/gtest.h>

#include <limits>

namespace slurmscope::api {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string TimestampOf(int64_t ms) {
  std::string out;
  AppendTimestamp(out, ms);
  return out;
}

std::string Json(promql::QueryResult result, size_t limit = 0, bool with_stats = false,
                 bool truncated = false) {
  std::string out;
  base::JsonWriter json(out);
  EXPECT_EQ(WriteQueryResult(json, result, with_stats, limit), truncated);
  return out;
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

TEST(WriteQueryResult, Scalar) {
  EXPECT_EQ(Json(Result(promql::ScalarResult{1500, 0.1})),
            R"({"resultType":"scalar","result":[1.5,"0.1"]})");
  EXPECT_EQ(Json(Result(promql::ScalarResult{1435781430781, -1e-7})),
            R"({"resultType":"scalar","result":[1435781430.781,"-0.0000001"]})");
  EXPECT_EQ(Json(Result(promql::ScalarResult{0, kNan})),
            R"({"resultType":"scalar","result":[0,"NaN"]})");
}

TEST(WriteQueryResult, String) {
  EXPECT_EQ(Json(Result(promql::StringResult{1000, "a\"b\n"})),
            R"({"resultType":"string","result":[1,"a\"b\n"]})");
}

TEST(WriteQueryResult, VectorWithEveryFormOfFloat) {
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

TEST(WriteQueryResult, VectorKeepsItsOrder) {
  EXPECT_EQ(Json(Result(Vector({2, 1}))),
            R"({"resultType":"vector","result":[{"metric":{"i":"0"},"value":[1435781430.781,"2"]},)"
            R"({"metric":{"i":"1"},"value":[1435781430.781,"1"]}]})");
}

TEST(WriteQueryResult, Matrix) {
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

TEST(WriteQueryResult, LimitCutsSeriesAndSaysSo) {
  EXPECT_EQ(
      Json(Result(Vector({7, 8})), 1, false, true),
      R"({"resultType":"vector","result":[{"metric":{"i":"0"},"value":[1435781430.781,"7"]}]})");
  EXPECT_EQ(Json(Result(Vector({7})), 1, false, false), Json(Result(Vector({7}))));
  EXPECT_EQ(Json(Result(promql::ScalarResult{0, 1}), 1),
            R"({"resultType":"scalar","result":[0,"1"]})");
}

TEST(WriteQueryResult, Stats) {
  promql::QueryResult result = Result(promql::ScalarResult{0, 1});
  result.stats.samples_queried = 12;
  result.stats.peak_samples = 5;
  result.stats.eval_seconds = 0.5;
  EXPECT_EQ(Json(result, 0, true),
            R"({"resultType":"scalar","result":[0,"1"],"stats":{"timings":{"evalTotalTime":0.5},)"
            R"("samples":{"totalQueryableSamples":12,"peakSamples":5}}})");
}

}  // namespace
}  // namespace slurmscope::api
