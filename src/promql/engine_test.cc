#include "promql/engine.h"

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "promql/memory_storage.h"

namespace slurmscope::promql {
namespace {

using base::ErrorCode;
using base::StrCat;
using model::Labels;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

// `series` counters of `samples` samples each, every 10 s from 10 s on.
void Fill(MemoryStorage& storage, int series, int samples) {
  for (int i = 0; i < series; ++i) {
    model::Columns columns;
    for (int k = 1; k <= samples; ++k) {
      columns.t.push_back(k * 10'000);
      columns.v.push_back(k * (i + 0.1));
    }
    storage.Add({{"__name__", "c_total"}, {"i", StrCat(i)}, {"g", StrCat(i % 3)}}, columns);
  }
}

const VectorResult& Vector(const QueryResult& result) {
  return std::get<VectorResult>(result.value);
}
const MatrixResult& Matrix(const QueryResult& result) {
  return std::get<MatrixResult>(result.value);
}

TEST(Engine, RangeGivesAMatrixSortedByLabels) {
  MemoryStorage storage;
  Fill(storage, 12, 10);
  Engine engine({});
  auto result = engine.Range(storage, "sort_desc(c_total)", 10'000, 100'000, 10'000);
  ASSERT_TRUE(result) << result.error().message();
  const auto& series = Matrix(*result).series;
  ASSERT_EQ(series.size(), 12u);
  for (size_t i = 1; i < series.size(); ++i) EXPECT_TRUE(series[i - 1].labels < series[i].labels);
  EXPECT_EQ(series[0].points.size(), 10u);
  EXPECT_EQ(result->stats.samples_read, 120);
  EXPECT_GE(result->stats.peak_samples, 120);
}

TEST(Engine, CountsSamplesByStepOnlyWhenAsked) {
  MemoryStorage storage;
  Fill(storage, 3, 10);  // every 10 s
  Engine engine({});
  auto ask = [&](std::string_view query, StatsWanted wanted) {
    QueryOptions options;
    options.stats = wanted;
    auto result = engine.Range(storage, query, 50'000, 70'000, 10'000, options);
    EXPECT_TRUE(result) << result.error().message();
    return result->stats;
  };
  EXPECT_EQ(ask("c_total", StatsWanted::kCheap).total_samples, 0);
  EXPECT_EQ(ask("c_total", StatsWanted::kTotal).total_samples, 9);
  EXPECT_TRUE(ask("c_total", StatsWanted::kTotal).per_step.empty());
  using Steps = std::vector<std::pair<int64_t, int64_t>>;
  // Two samples of each series lie in a window of 20 s that is open on the left.
  EXPECT_EQ(ask("sum(rate(c_total[20s])) + sum(c_total)", StatsWanted::kPerStep).per_step,
            (Steps{{50'000, 9}, {60'000, 9}, {70'000, 9}}));
  EXPECT_EQ(ask("max_over_time(c_total[20s:5s])", StatsWanted::kPerStep).total_samples, 36);
  EXPECT_EQ(ask("1", StatsWanted::kPerStep).per_step,
            (Steps{{50'000, 0}, {60'000, 0}, {70'000, 0}}));
}

TEST(Engine, ScalarOverARangeIsOneSeriesWithoutLabels) {
  MemoryStorage storage;
  auto result = Engine({}).Range(storage, "time()", 0, 20'000, 10'000);
  ASSERT_TRUE(result);
  ASSERT_EQ(Matrix(*result).series.size(), 1u);
  EXPECT_TRUE(Matrix(*result).series[0].labels.empty());
  EXPECT_EQ(Matrix(*result).series[0].points.v, (model::Values{0, 10, 20}));
}

TEST(Engine, RefusesStepsAndTypes) {
  MemoryStorage storage;
  Engine engine({});
  EXPECT_EQ(engine.Range(storage, "1", 0, 10, 0).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(engine.Range(storage, "1", 0, 10, -5).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      engine.Range(storage, "c[5m]", 0, 10, 1).error().message(),
      "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
  EXPECT_EQ(engine.Instant(storage, "1 +", 0).error().code(), ErrorCode::kInvalidArgument);
}

TEST(Engine, MoreThreadsGiveTheSameBits) {
  MemoryStorage storage;
  Fill(storage, 500, 200);
  EngineOptions one;
  one.threads = 1;
  EngineOptions many;
  many.threads = 4;
  for (const char* query :
       {"sum by (g) (rate(c_total[1m]))", "avg(c_total)", "topk(3, c_total)",
        "c_total + ignoring (x) c_total", "max_over_time(rate(c_total[1m])[2m:20s])"}) {
    auto a = Engine(one).Range(storage, query, 0, 2'000'000, 10'000);
    auto b = Engine(many).Range(storage, query, 0, 2'000'000, 10'000);
    ASSERT_TRUE(a && b) << query;
    ASSERT_EQ(Matrix(*a).series.size(), Matrix(*b).series.size()) << query;
    ASSERT_GT(Matrix(*a).series.size(), 0u) << query;
    for (size_t i = 0; i < Matrix(*a).series.size(); ++i) {
      EXPECT_EQ(Matrix(*a).series[i].labels, Matrix(*b).series[i].labels);
      EXPECT_EQ(Matrix(*a).series[i].points.v, Matrix(*b).series[i].points.v) << query;
    }
  }
}

TEST(Engine, HoldsTheSampleLimit) {
  MemoryStorage storage;
  Fill(storage, 100, 20);
  EngineOptions options;
  options.max_samples = 1000;
  Engine engine(options);
  EXPECT_TRUE(engine.Range(storage, "c_total", 0, 50'000, 10'000));
  auto result = engine.Range(storage, "c_total", 0, 200'000, 10'000);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(result.error().message(),
            "query processing would load too many samples into memory in query execution");
  EXPECT_EQ(engine.Instant(storage, "c_total[200s]", 200'000).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(engine.Instant(storage, "sum_over_time(vector(1)[1y:1ms])", 0).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(engine.Range(storage, "1", kMin, kMax, 1).error().code(),
            ErrorCode::kResourceExhausted);
}

TEST(Engine, StopsWhenCanceled) {
  MemoryStorage storage;
  Fill(storage, 10, 20);
  QueryOptions options;
  options.canceled = [] { return true; };
  auto result = Engine({}).Instant(storage, "c_total", 100'000, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kCanceled);
  EXPECT_EQ(result.error().message(), "query was canceled in query execution");
}

TEST(Engine, HoldsTheMemoryLimit) {
  MemoryStorage storage;
  Fill(storage, 100, 10);
  EngineOptions options;
  options.max_bytes = 20'000;  // less than 100 series take
  Engine engine(options);
  auto refused = engine.Instant(storage, "c_total", 100'000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().message(),
            "query processing would take more than 20000 bytes of memory (--query.max-memory) in "
            "query execution");
  EXPECT_TRUE(engine.Instant(storage, "c_total{i=~\"1.\"}", 100'000));
  EXPECT_TRUE(engine.Range(storage, "c_total{i=\"1\"}", 0, 100'000, 1000));
  EXPECT_FALSE(engine.Range(storage, "c_total{i=\"1\"}", 0, 100'000, 50));
}

TEST(Engine, StopsAtTheTimeout) {
  MemoryStorage storage;
  Fill(storage, 200, 2000);
  EngineOptions engine_options;
  engine_options.threads = 2;
  Engine engine(engine_options);
  QueryOptions options;
  options.timeout_ms = 1;
  auto result =
      engine.Range(storage, "quantile_over_time(0.5, c_total[5h])", 0, 20'000'000, 10'000, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(result.error().message(), "query timed out in query execution");
}

// The first query sits in its canceled callback until the second has given up waiting.
TEST(Engine, QueuesBeyondItsWidth) {
  MemoryStorage storage;
  EngineOptions engine_options;
  engine_options.max_concurrency = 1;
  engine_options.threads = 1;
  Engine engine(engine_options);
  std::atomic<bool> release{false};
  QueryOptions blocking;
  blocking.canceled = [&] {
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  };
  std::thread first([&] { EXPECT_TRUE(engine.Instant(storage, "1", 0, blocking)); });
  while (engine.active() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  QueryOptions hasty;
  hasty.timeout_ms = 30;
  auto second = engine.Instant(storage, "1", 0, hasty);
  release = true;
  first.join();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kTimeout);
  EXPECT_EQ(second.error().message(), "query timed out in query queue");
  EXPECT_EQ(engine.active(), 0);
  EXPECT_TRUE(engine.Instant(storage, "1", 0, hasty));
}

TEST(Engine, AtOnceOrNotAtAll) {
  MemoryStorage storage;  // does not tell how many series it has
  Fill(storage, 1, 1);
  EngineOptions narrow;
  narrow.max_concurrency = 1;
  Engine engine(narrow);
  QueryOptions at_once;
  at_once.at_once = true;
  EXPECT_TRUE(engine.Instant(storage, "1 + 1", 0, at_once));
  EXPECT_EQ(engine.Instant(storage, "c_total", 0, at_once).error().code(), ErrorCode::kUnavailable);
  std::atomic<bool> release{false};
  QueryOptions blocking;
  blocking.canceled = [&] {
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  };
  std::thread other([&] { EXPECT_TRUE(engine.Instant(storage, "1", 0, blocking)); });
  while (engine.active() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto refused = engine.Instant(storage, "1", 0, at_once);
  release = true;
  other.join();
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(engine.Instant(storage, "1", 0, at_once));
}

TEST(Engine, SurvivesTheEndsOfTime) {
  MemoryStorage storage;
  Fill(storage, 3, 20);
  Engine engine({});
  for (int64_t t : {kMin, kMin + 1, kMax - 1, kMax}) {
    for (const char* query :
         {"c_total", "rate(c_total[5m])", "c_total offset 1y", "c_total offset -1y",
          "rate(c_total[1h:1m])", "c_total @ start() offset -5y", "year()", "timestamp(c_total)",
          "predict_linear(c_total[1y], 5)", "max_over_time(vector(1)[10m:1m] offset -1y)"}) {
      auto result = engine.Instant(storage, query, t);
      EXPECT_TRUE(result) << query << " at " << t << ": " << result.error().message();
    }
  }
  EXPECT_TRUE(engine.Range(storage, "c_total", kMin, kMax, kMax / 4));
  EXPECT_TRUE(engine.Range(storage, "rate(c_total[1h])", kMin, kMax, kMax / 4));
}

TEST(Engine, NamesGoAtOnceOrInTheEnd) {
  MemoryStorage storage;
  Fill(storage, 2, 20);
  EngineOptions delayed;
  delayed.delayed_name_removal = true;
  const char* query = "count by (__name__) (rate(c_total[1m]))";
  auto at_once = Engine({}).Instant(storage, query, 200'000);
  auto in_the_end = Engine(delayed).Instant(storage, query, 200'000);
  ASSERT_TRUE(at_once && in_the_end);
  EXPECT_TRUE(Vector(*at_once).samples[0].labels.empty());
  EXPECT_TRUE(Vector(*in_the_end).samples[0].labels.empty());
  const char* kept = "label_replace(rate(c_total[1m]), \"was\", \"$1\", \"__name__\", \"(.*)\")";
  EXPECT_FALSE(Vector(*Engine({}).Instant(storage, kept, 200'000)).samples[0].labels.Has("was"));
  EXPECT_TRUE(
      Vector(*Engine(delayed).Instant(storage, kept, 200'000)).samples[0].labels.Has("was"));
}

TEST(Engine, OptionsOfAQueryReachIt) {
  MemoryStorage storage;
  Fill(storage, 1, 1);
  Engine engine({});
  QueryOptions options;
  options.lookback_ms = 20'000;
  EXPECT_EQ(Vector(*engine.Instant(storage, "c_total", 29'999, options)).samples.size(), 1u);
  EXPECT_EQ(Vector(*engine.Instant(storage, "c_total", 30'000, options)).samples.size(), 0u);
  EXPECT_EQ(Vector(*engine.Instant(storage, "c_total", 30'000)).samples.size(), 1u);
  engine.SetDefaultSubqueryStep(10'000);
  auto result = engine.Instant(storage, "count_over_time(vector(1)[1m:])", 60'000);
  EXPECT_EQ(Vector(*result).samples[0].v, 6);
}

TEST(Engine, SaysWhereAWarningIs) {
  MemoryStorage storage;
  auto result = Engine({}).Instant(storage, "1 +\n  quantile(1.5, x)", 0);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0],
            "PromQL warning: quantile value should be between 0 and 1, got 1.5 (2:12)");
}

void ExpectSame(const model::Columns& a, const model::Columns& b) {
  ASSERT_EQ(a.t, b.t);
  EXPECT_EQ(a.v, b.v);
  for (size_t i = 0; i < a.size(); ++i) {
    const model::FloatHistogram* h = a.Histogram(i);
    ASSERT_EQ(h == nullptr, b.Histogram(i) == nullptr);
    if (h == nullptr) continue;
    EXPECT_TRUE(h->Equals(*b.Histogram(i)));
  }
}

// Series of floats, of histograms and of both, side by side on four threads.
TEST(Engine, HistogramsDoNotDependOnThreads) {
  MemoryStorage storage;
  for (int i = 0; i < 1500; ++i) {
    model::Columns samples;
    for (int k = 0; k < 12; ++k) {
      auto h = std::make_shared<model::FloatHistogram>();
      h->count = h->sum = k * i;
      h->positive = {{i % 5, 1.0 * k * i}};
      if (i % 3 == 0 || (i % 3 == 1 && k < 6)) {
        samples.Append(k * 60'000, std::move(h));
      } else {
        samples.Append(k * 60'000, 1.0 * k * i);
      }
    }
    storage.Add({{"__name__", "x"}, {"i", base::StrCat(i)}}, samples);
  }
  EngineOptions options;
  options.threads = 4;
  Engine parallel(options);
  options.threads = 1;
  Engine single(options);
  for (std::string_view query :
       {"x", "rate(x[3m])", "sum_over_time(x[3m])", "sum by (i) (x * 2)"}) {
    auto got = parallel.Range(storage, query, 120'000, 660'000, 10'000);
    auto want = single.Range(storage, query, 120'000, 660'000, 10'000);
    ASSERT_TRUE(got && want) << query;
    const auto& a = std::get<MatrixResult>(got->value).series;
    const auto& b = std::get<MatrixResult>(want->value).series;
    ASSERT_EQ(a.size(), b.size()) << query;
    EXPECT_GT(a.size(), 1000u) << query;
    EXPECT_EQ(got->warnings, want->warnings) << query;
    for (size_t i = 0; i < a.size(); ++i) ExpectSame(a[i].points, b[i].points);
  }
}

}  // namespace
}  // namespace slurmscope::promql
