#include "promql/engine.h"

#include <benchmark/benchmark.h>

#include "base/strings.h"
#include "promql/memory_storage.h"

namespace slurmscope::promql {
namespace {

using base::StrCat;

// As node_exporter's CPU seconds: machines of 128 cores with 8 modes, a sample every 15 s.
void FillCpu(MemoryStorage& storage, int series, int samples) {
  static constexpr std::string_view kModes[] = {"idle",    "iowait", "irq",    "nice",
                                                "softirq", "steal",  "system", "user"};
  for (int i = 0; i < series; ++i) {
    model::Columns columns;
    for (int k = 0; k < samples; ++k) {
      columns.t.push_back(k * 15'000);
      columns.v.push_back(k * 1.5 + i);
    }
    storage.Add({{"__name__", "cpu_seconds_total"},
                 {"cpu", StrCat(i / 8 % 128)},
                 {"instance", StrCat("node", i / 1024, ":9100")},
                 {"job", "node"},
                 {"mode", kModes[i % 8]}},
                columns);
  }
}

EngineOptions Threads(const benchmark::State& state) {
  EngineOptions options;
  options.threads = static_cast<int>(state.range(0));
  return options;
}

void BM_SumRateOf34kSeries(benchmark::State& state) {
  MemoryStorage storage;
  FillCpu(storage, 34'816, 21);
  Engine engine(Threads(state));
  for (auto _ : state) {
    auto result = engine.Instant(storage, "sum by (mode) (rate(cpu_seconds_total[5m]))", 300'000);
    benchmark::DoNotOptimize(result->stats);
  }
}
BENCHMARK(BM_SumRateOf34kSeries)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_CountOf100kSeries(benchmark::State& state) {
  MemoryStorage storage;
  FillCpu(storage, 100'000, 4);
  Engine engine(Threads(state));
  for (auto _ : state) {
    auto result = engine.Instant(storage, "count(cpu_seconds_total)", 60'000);
    benchmark::DoNotOptimize(result->stats);
  }
}
BENCHMARK(BM_CountOf100kSeries)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_RateOf1000SeriesBy600Steps(benchmark::State& state) {
  MemoryStorage storage;
  FillCpu(storage, 1000, 640);
  Engine engine(Threads(state));
  for (auto _ : state) {
    auto result = engine.Range(storage, "rate(cpu_seconds_total[5m])", 600'000,
                               600'000 + 599 * 15'000, 15'000);
    benchmark::DoNotOptimize(result->stats);
  }
}
BENCHMARK(BM_RateOf1000SeriesBy600Steps)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void BM_DivideMatching1000SeriesBy600Steps(benchmark::State& state) {
  MemoryStorage storage;
  FillCpu(storage, 1000, 640);
  Engine engine(Threads(state));
  for (auto _ : state) {
    auto result = engine.Range(storage, "cpu_seconds_total / cpu_seconds_total", 600'000,
                               600'000 + 599 * 15'000, 15'000);
    benchmark::DoNotOptimize(result->stats);
  }
}
BENCHMARK(BM_DivideMatching1000SeriesBy600Steps)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace slurmscope::promql

BENCHMARK_MAIN();
