// Reading of blocks. SLURMSCOPE_BENCH_DATA names a data directory to read; without it one of 300
// series over a day is made.
#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/strings.h"
#include "tsdb/backfill.h"
#include "tsdb/block_select.h"
#include "tsdb/db.h"
#include "tsdb/read_only_db.h"

namespace {

using slurmscope::base::StrCat;
using slurmscope::model::Columns;
using slurmscope::model::Labels;
using slurmscope::model::Matcher;
using slurmscope::model::MatchType;
using slurmscope::tsdb::Backfill;
using slurmscope::tsdb::ReadOnlyDb;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kStart = 1'700'006'400'000;

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "block_bench.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

// Constant, counter with jumps, gauge with noise.
double Value(int series, int64_t i) {
  if (series % 3 == 0) return series;
  if (series % 3 == 1) return static_cast<double>(i / 3 * 17 + series);
  return std::round(500 + 300 * std::sin(static_cast<double>(i * series) * 0.01)) / 10;
}

void Write(const std::string& path, int series, int64_t samples) {
  Backfill backfill(2 * 3'600'000);
  for (int i = 0; i < series; ++i) {
    Labels labels{{"__name__", StrCat("metric_", i % 350, "_total")},
                  {"instance", StrCat("node", i / 350, ":9100")},
                  {"job", "node"},
                  {"mode", StrCat("mode", i % 8)}};
    auto number = backfill.AddSeries(labels);
    for (int64_t k = 0; k < samples; ++k) {
      backfill.Append(number, kStart + k * 15'000, Value(i, k));
    }
  }
  if (!backfill.Write(path, 1, [](const auto&) {})) std::abort();
}

struct Data {
  explicit Data(int series, int64_t samples, const char* given = nullptr) {
    if (given == nullptr) Write(made.path, series, samples);
    db = std::move(*ReadOnlyDb::Open(given == nullptr ? made.path : given, false));
  }
  Directory made;
  std::unique_ptr<ReadOnlyDb> db;
};

Data& DecodeData() {
  static Data data(300, 24 * 240, ::getenv("SLURMSCOPE_BENCH_DATA"));
  return data;
}
Data& WideData() {
  static Data data(200'000, 4);
  return data;
}

void FullDecode(benchmark::State& state) {
  auto querier = *DecodeData().db->NewQuerier(kMin, kMax);
  slurmscope::model::SelectHints hints;
  hints.start = kMin;
  hints.end = kMax;
  int64_t samples = 0;
  Columns columns;
  for (auto _ : state) {
    auto set = *querier->Select(false, hints, {});
    for (size_t i = 0; i < set->size(); ++i) {
      if (!set->Decode(i, kMin, kMax, &columns)) std::abort();
      samples += static_cast<int64_t>(columns.size());
    }
  }
  state.SetItemsProcessed(samples);
}
BENCHMARK(FullDecode)->Unit(benchmark::kMillisecond);

void SelectSeries(benchmark::State& state, const std::vector<Matcher>& matchers) {
  auto querier = *WideData().db->NewQuerier(kMin, kMax);
  slurmscope::model::SelectHints hints;
  hints.start = kMin;
  hints.end = kMax;
  size_t found = 0;
  for (auto _ : state) found = (*querier->Select(false, hints, matchers))->size();
  state.counters["series"] = static_cast<double>(found);
}
Matcher Re(std::string_view name, std::string_view pattern) {
  return *Matcher::Make(MatchType::kRegexp, name, pattern);
}
BENCHMARK_CAPTURE(SelectSeries, all, {})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SelectSeries, one,
                  {Matcher::Equal("__name__", "metric_7_total"),
                   Matcher::Equal("instance", "node3:9100")})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SelectSeries, regex,
                  {Matcher::Equal("job", "node"), Re("instance", "node1.*:9100")})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(SelectSeries, sets,
                  {Re("__name__", "metric_(1|2|3)_total"), Re("mode", "mode1|mode2|mode3")})
    ->Unit(benchmark::kMillisecond);

void LabelValues(benchmark::State& state, const std::vector<Matcher>& matchers) {
  auto querier = *WideData().db->NewQuerier(kMin, kMax);
  size_t found = 0;
  for (auto _ : state) found = querier->LabelValues("instance", matchers, 0)->size();
  state.counters["values"] = static_cast<double>(found);
}
BENCHMARK_CAPTURE(LabelValues, all, {})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(LabelValues, of_job, {Matcher::Equal("job", "node")})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(LabelValues, of_metric, {Matcher::Equal("__name__", "metric_7_total")})
    ->Unit(benchmark::kMillisecond);

void LabelNames(benchmark::State& state) {
  auto querier = *WideData().db->NewQuerier(kMin, kMax);
  for (auto _ : state) {
    benchmark::DoNotOptimize(querier->LabelNames({Matcher::Equal("job", "node")}, 0));
  }
}
BENCHMARK(LabelNames)->Unit(benchmark::kMillisecond);

// 100 series a target, 126 samples each: 12.6M samples at the largest.
void HeadToBlock(benchmark::State& state) {
  Directory directory;
  slurmscope::tsdb::DbOptions options;
  options.path = directory.path + "/data";
  options.compaction_interval_ms = 0;
  auto db = std::move(*slurmscope::tsdb::Db::Open(options));
  auto series = static_cast<int>(state.range(0));
  std::vector<uint64_t> refs(static_cast<size_t>(series));
  for (int64_t k = 0; k < 126; ++k) {
    auto appender = db->NewAppender();
    for (int i = 0; i < series; ++i) {
      Labels labels;
      if (k == 0) {
        labels = Labels{{"__name__", StrCat("metric_", i % 350, "_total")},
                        {"instance", StrCat("node", i / 350, ":9100")},
                        {"job", "node"},
                        {"mode", StrCat("mode", i % 8)}};
      }
      auto& ref = refs[static_cast<size_t>(i)];
      ref = appender->Append(ref, labels, kStart + k * 1000, Value(i, k)).ref;
    }
    if (!appender->Commit()) std::abort();
  }
  int64_t n = 0;
  for (auto _ : state) {
    std::string to = StrCat(directory.path, "/snapshot", n++);
    if (!db->Snapshot(to, true)) std::abort();
    state.PauseTiming();
    std::filesystem::remove_all(to);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(n * series * 126);
}
BENCHMARK(HeadToBlock)->Arg(100'000)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
