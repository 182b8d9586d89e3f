#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "tsdb/db.h"

namespace {

using slurmscope::base::StrCat;
using slurmscope::model::Labels;
using slurmscope::tsdb::Db;
using slurmscope::tsdb::DbOptions;

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

struct Directory {
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "head_bench.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

std::unique_ptr<Db> Open(const std::string& path) {
  DbOptions options;
  options.path = path;
  return std::move(*Db::Open(options));
}

// A series as a node exporter's page has them: name, three labels of its own, instance, job,
// cluster.
Labels SeriesLabels(int target, int i) {
  return Labels{{"__name__", StrCat("node_metric_", i % 356, "_total")},
                {"cluster", "c1"},
                {"cpu", StrCat(i / 356)},
                {"device", StrCat("dev", i % 17)},
                {"instance", StrCat("node", target, ":9100")},
                {"job", "node"},
                {"mode", StrCat("mode", i % 8)}};
}

double Value(int series, int64_t round) {
  bool changes = series % 5 < 2;
  return changes ? static_cast<double>(series) * 1000 + static_cast<double>(round) * 3 : series;
}

// One scrape of `refs`, which are learnt the first time.
void Scrape(Db& db, int target, std::vector<uint64_t>& refs, int64_t round) {
  auto appender = db.NewAppender();
  static const Labels kNone;
  for (int i = 0; i < 1000; ++i) {
    auto& ref = refs[static_cast<size_t>(i)];
    auto result = appender->Append(ref, ref == 0 ? SeriesLabels(target, i) : kNone,
                                   1'700'000'000'000 + round * 15'000 + target, Value(i, round));
    ref = result.ref;
  }
  if (!appender->Commit()) std::abort();
}

// Batches of 1000 samples, over `targets` x 1000 series in turn.
void AppendCommit(benchmark::State& state) {
  Directory directory;
  auto db = Open(directory.path);
  auto targets = static_cast<size_t>(state.range(0));
  std::vector<std::vector<uint64_t>> refs(targets, std::vector<uint64_t>(1000));
  double before = ResidentBytes();
  for (size_t k = 0; k < targets; ++k) Scrape(*db, static_cast<int>(k), refs[k], 0);
  int64_t round = 1;
  size_t target = 0;
  for (auto _ : state) {
    Scrape(*db, static_cast<int>(target), refs[target], round);
    if (++target == targets) {
      target = 0;
      ++round;
    }
  }
  state.SetItemsProcessed(state.iterations() * 1000);
  auto series = static_cast<double>(targets) * 1000;
  state.counters["ns_per_sample"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 1e3 / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["rss_per_series"] = (ResidentBytes() - before) / series;
  state.counters["rounds"] = static_cast<double>(round);
}
BENCHMARK(AppendCommit)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);
BENCHMARK(AppendCommit)->Arg(1000)->Iterations(10'000)->Unit(benchmark::kMicrosecond);

// Makes 1M series of 1000 targets and gives each a second sample: CPU time of the storage's part.
void CreateSeries(benchmark::State& state) {
  Directory directory;
  auto db = Open(directory.path);
  std::vector<std::vector<uint64_t>> refs(1000, std::vector<uint64_t>(1000));
  double before = ResidentBytes();
  for (auto _ : state) {
    for (int target = 0; target < 1000; ++target) {
      state.PauseTiming();
      std::vector<Labels> labels;
      for (int i = 0; i < 1000; ++i) labels.push_back(SeriesLabels(target, i));
      state.ResumeTiming();
      auto& mine = refs[static_cast<size_t>(target)];
      auto appender = db->NewAppender();
      for (size_t i = 0; i < 1000; ++i) {
        mine[i] =
            appender
                ->Append(0, labels[i], 1'700'000'000'000 + target, Value(static_cast<int>(i), 0))
                .ref;
      }
      if (!appender->Commit()) std::abort();
    }
    for (int target = 0; target < 1000; ++target) {
      Scrape(*db, target, refs[static_cast<size_t>(target)], 1);
    }
  }
  state.counters["rss_per_series"] = (ResidentBytes() - before) / 1e6;
}
BENCHMARK(CreateSeries)->Iterations(1)->Unit(benchmark::kMillisecond);

// Creates 1M series, closes, and reads them back with ten samples each.
void Replay(benchmark::State& state) {
  Directory directory;
  {
    auto db = Open(directory.path);
    for (int target = 0; target < 1000; ++target) {
      std::vector<uint64_t> refs(1000);
      for (int64_t round = 0; round < 10; ++round) Scrape(*db, target, refs, round);
    }
  }
  for (auto _ : state) {
    auto db = Open(directory.path);
    state.counters["samples"] = static_cast<double>(db->replay().samples);
    state.PauseTiming();
    db.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(Replay)->Iterations(1)->MeasureProcessCPUTime()->UseRealTime()->Unit(
    benchmark::kMillisecond);

// 200k series with an hour of samples, a full chunk and an open one each: what they take in memory
// (run alone: memory that an earlier benchmark left is used again), and reading them back.
void FullChunks(benchmark::State& state) {
  constexpr int kTargets = 200;
  Directory directory;
  {
    double before = ResidentBytes();
    auto db = Open(directory.path);
    std::vector<std::vector<uint64_t>> refs(kTargets, std::vector<uint64_t>(1000));
    for (int64_t round = 0; round < 250; ++round) {
      for (int target = 0; target < kTargets; ++target) {
        Scrape(*db, target, refs[static_cast<size_t>(target)], round);
      }
    }
    std::this_thread::sleep_for(std::chrono::seconds(3));
    state.counters["rss_per_series"] = (ResidentBytes() - before) / (kTargets * 1000);
    state.counters["chunks"] = static_cast<double>(db->head_stats().chunks);
  }
  for (auto _ : state) {
    double before = ResidentBytes();
    auto db = Open(directory.path);
    state.PauseTiming();
    state.counters["replay_rss_per_series"] = (ResidentBytes() - before) / (kTargets * 1000);
    db.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(FullChunks)
    ->Iterations(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
