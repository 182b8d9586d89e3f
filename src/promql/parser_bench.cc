#include <benchmark/benchmark.h>

#include "promql/parser.h"

namespace slurmscope::promql {
namespace {

void ParseText(benchmark::State& state, std::string_view text) {
  for (auto _ : state) benchmark::DoNotOptimize(ParseExpr(text));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK_CAPTURE(ParseText, name, "up");
BENCHMARK_CAPTURE(ParseText, rate,
                  "sum by (instance, job) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))");
BENCHMARK_CAPTURE(
    ParseText, ratio,
    "100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\",job=\"node\"}[5m]))) "
    "> 80 and on (instance) group_left (user) slurm_job_info{state=\"RUNNING\"} offset 1m");
BENCHMARK_CAPTURE(ParseText, regex, "avg(DCGM_FI_DEV_GPU_UTIL{instance=~\"gpu-.*\"})");

void Print(benchmark::State& state) {
  ExprPtr expr =
      *ParseExpr("sum by (instance, job) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))");
  for (auto _ : state) benchmark::DoNotOptimize(ToString(*expr));
}
BENCHMARK(Print);

}  // namespace
}  // namespace slurmscope::promql
