#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/strings.h"
#include "scrape/target_cache.h"

namespace {

using slurmscope::base::StrAppend;
using slurmscope::model::Appender;
using slurmscope::model::AppendResult;
using slurmscope::model::AppendStatus;
using slurmscope::model::Labels;
using namespace slurmscope::scrape;

constexpr int kSeries = 1000;

class NullAppender final : public Appender {
 public:
  AppendResult Append(slurmscope::model::SeriesRef ref, const Labels&, int64_t, double v) override {
    sum += v;
    return {AppendStatus::kOk, ref == 0 ? ++next : ref};
  }
  slurmscope::base::Result<void> Commit() override { return {}; }
  void Rollback() override {}
  slurmscope::model::SeriesRef next = 0;
  double sum = 0;
};

// What a GPU node says: counters per CPU and disk, gauges per GPU, a histogram; values change with
// `step`.
std::vector<std::string> MakeLines(int step) {
  std::vector<std::string> lines;
  for (int i = 0; i < kSeries; ++i) {
    std::string line;
    switch (i % 4) {
      case 0:
        StrAppend(line, "node_cpu_seconds_total{cpu=\"", i / 32, "\",mode=\"m", i % 32, "\"} ",
                  817263 + i * 37 + step, ".", 10 + (i + step) % 90);
        break;
      case 1:
        StrAppend(line, "DCGM_FI_DEV_GPU_UTIL{gpu=\"", i % 8,
                  "\",UUID=\"GPU-4d1f6a2c-77aa-41c3-9ad1-", 100000 + i, "\",device=\"nvidia", i % 8,
                  "\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"gpu-017\"} ",
                  (i + step) % 101);
        break;
      case 2:
        StrAppend(line, "node_network_receive_bytes_total{device=\"eth", i, "\"} ",
                  98765432100 + i * 1000 + step * 77);
        break;
      default:
        StrAppend(line, "http_request_duration_seconds_bucket{handler=\"/api/", i / 40,
                  "\",le=\"0.", i % 40, "\"} ", 1000 + i + step);
    }
    lines.push_back(line + "\n");
  }
  return lines;
}

std::string Join(const std::vector<std::string>& lines) {
  std::string body =
      "# HELP node_cpu_seconds_total Seconds.\n# TYPE node_cpu_seconds_total counter\n";
  for (const std::string& line : lines) body += line;
  return body;
}

void Run(benchmark::State& state, const std::vector<std::string>& bodies) {
  slurmscope::config::ScrapeConfig config;
  Labels target = {{"job", "bench"}, {"instance", "gpu-017:9100"}};
  FamilyPool families;
  MetadataTable metadata(families);
  TargetCache cache;
  NullAppender appender;
  size_t next = 0;
  auto scrape = [&] {
    IngestCounts counts;
    const std::string& body = bodies[next++ % bodies.size()];
    auto done = cache.Ingest(body, {config, target, static_cast<int64_t>(next) * 1000, metadata},
                             appender, &counts);
    if (!done || counts.scraped != kSeries) state.SkipWithError("a body was not taken whole");
    cache.Accept();
  };
  for (size_t i = 0; i < bodies.size(); ++i) scrape();
  for (auto _ : state) scrape();
  benchmark::DoNotOptimize(appender.sum);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kSeries);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(bodies[0].size()));
}

void BM_SameSeries(benchmark::State& state) {
  std::vector<std::string> bodies;
  for (int step = 0; step < 16; ++step) bodies.push_back(Join(MakeLines(step)));
  Run(state, bodies);
}
BENCHMARK(BM_SameSeries);

// One series in a hundred comes or goes at each scrape.
void BM_Churn(benchmark::State& state) {
  std::vector<std::string> bodies;
  for (int step = 0; step < 16; ++step) {
    std::vector<std::string> lines = MakeLines(step);
    for (int i = 0; i < kSeries; i += 100) {
      lines[static_cast<size_t>(i)] =
          "job_memory_bytes{jobid=\"" + std::to_string(i + step) + "\"} 1\n";
    }
    bodies.push_back(Join(lines));
  }
  Run(state, bodies);
}
BENCHMARK(BM_Churn);

void BM_Shuffled(benchmark::State& state) {
  std::vector<std::string> bodies;
  std::mt19937 random(1);
  for (int step = 0; step < 16; ++step) {
    std::vector<std::string> lines = MakeLines(step);
    std::shuffle(lines.begin(), lines.end(), random);
    bodies.push_back(Join(lines));
  }
  Run(state, bodies);
}
BENCHMARK(BM_Shuffled);

void BM_FirstScrape(benchmark::State& state) {
  std::string body = Join(MakeLines(0));
  slurmscope::config::ScrapeConfig config;
  Labels target = {{"job", "bench"}, {"instance", "gpu-017:9100"}};
  FamilyPool families;
  for (auto _ : state) {
    MetadataTable metadata(families);
    TargetCache cache;
    NullAppender appender;
    IngestCounts counts;
    if (!cache.Ingest(body, {config, target, 1000, metadata}, appender, &counts))
      state.SkipWithError("malformed");
    cache.Accept();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kSeries);
}
BENCHMARK(BM_FirstScrape);

}  // namespace
