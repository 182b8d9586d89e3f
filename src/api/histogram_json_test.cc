#include "api/result_json.h"

#include <gtest/gtest.h>

namespace slurmscope::api {
namespace {

model::HistogramPtr Histogram() {
  auto h = std::make_shared<model::FloatHistogram>();
  h->count = 7;
  h->sum = 4.5;
  h->zero_threshold = 0.001;
  h->zero_count = 2;
  h->positive = {{0, 1}, {1, 0}, {2, 3}};
  h->negative = {{1, 1}};
  return h;
}

std::string Written(const promql::QueryResult& result) {
  std::string out;
  AnswerWriter(result, {}).Next(out, 1 << 20);
  constexpr std::string_view kHead = R"({"status":"success","data":)";
  EXPECT_TRUE(out.starts_with(kHead));
  return out.substr(kHead.size(), out.size() - kHead.size() - 1);
}

constexpr std::string_view kHistogram =
    R"({"count":"7","sum":"4.5","buckets":[[1,"-2","-1","1"],[3,"-0.001","0.001","2"],)"
    R"([0,"0.5","1","1"],[0,"2","4","3"]]})";

TEST(ResultJson, WritesHistogramsOfVectors) {
  promql::VectorResult vector;
  vector.t = 1500;
  vector.samples.push_back({{{"a", "b"}}, 0, Histogram()});
  vector.samples.push_back({{}, 1.5});
  EXPECT_EQ(Written({vector, {}, {}, {}}),
            std::string(R"({"resultType":"vector","result":[{"metric":{"a":"b"},)") +
                R"("histogram":[1.500,)" + std::string(kHistogram) +
                R"(]},{"metric":{},"value":[1.500,"1.5"]}]})");
}

TEST(ResultJson, WritesHistogramsOfMatricesBesideFloats) {
  promql::MatrixSeries series;
  series.points.Append(1000, 1.0);
  series.points.Append(2000, Histogram());
  series.points.Append(3000, std::make_shared<const model::FloatHistogram>());
  promql::MatrixResult matrix;
  matrix.series.push_back(series);
  EXPECT_EQ(Written({matrix, {}, {}, {}}),
            std::string(R"({"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]],)") +
                R"("histograms":[[2,)" + std::string(kHistogram) +
                R"(],[3,{"count":"0","sum":"0"}]]}]})");
}

TEST(ResultJson, CustomBucketsReachFromMinusToPlusInfinity) {
  auto h = std::make_shared<model::FloatHistogram>();
  h->schema = model::FloatHistogram::kCustomSchema;
  h->count = 3;
  h->custom_values = {1};
  h->positive = {{0, 1}, {1, 2}};
  promql::VectorResult vector;
  vector.samples.push_back({{}, 0, h});
  EXPECT_NE(
      Written({vector, {}, {}, {}}).find(R"("buckets":[[3,"-Inf","1","1"],[0,"1","+Inf","2"]])"),
      std::string::npos);
}

}  // namespace
}  // namespace slurmscope::api
