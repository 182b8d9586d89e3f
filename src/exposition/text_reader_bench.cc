#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/strings.h"
#include "exposition/text_reader.h"

namespace {

using slurmscope::base::StrAppend;
using slurmscope::exposition::Entry;
using slurmscope::exposition::HashText;
using slurmscope::exposition::KnownSample;
using slurmscope::exposition::TextReader;

constexpr int kSeries = 1000;

std::string MakeBody() {
  std::string body = "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n";
  body += "# TYPE node_cpu_seconds_total counter\n";
  for (int i = 0; i < kSeries; ++i) {
    StrAppend(body, "node_cpu_seconds_total{cpu=\"", i / 8, "\",mode=\"m", i % 8,
              "\",device=\"nvidia0\",UUID=\"GPU-4d1f6a2c-0000-", 1000 + i, "\"} ", 1000000 + i * 37,
              ".", i % 100, "\n");
  }
  return body;
}

void Report(benchmark::State& state, const std::string& body) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(body.size()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kSeries);
}

void BM_Next(benchmark::State& state) {
  std::string body = MakeBody();
  for (auto _ : state) {
    TextReader reader(body);
    while (reader.Next()->kind != Entry::Kind::kEnd) {
    }
  }
  Report(state, body);
}
BENCHMARK(BM_Next);

void BM_NextAndParseSeries(benchmark::State& state) {
  std::string body = MakeBody();
  for (auto _ : state) {
    TextReader reader(body);
    while (true) {
      auto entry = reader.Next();
      if (entry->kind == Entry::Kind::kEnd) break;
      if (entry->kind == Entry::Kind::kSample) {
        benchmark::DoNotOptimize(slurmscope::exposition::ParseSeries(entry->series));
      }
    }
  }
  Report(state, body);
}
BENCHMARK(BM_NextAndParseSeries);

void BM_NextKnown(benchmark::State& state) {
  std::string body = MakeBody();
  std::vector<std::pair<uint64_t, size_t>> known;
  TextReader first(body);
  for (auto entry = first.Next(); entry->kind != Entry::Kind::kEnd; entry = first.Next()) {
    bool sample = entry->kind == Entry::Kind::kSample;
    std::string_view text = sample ? entry->series : entry->raw;
    known.emplace_back(HashText(text), text.size());
  }
  for (auto _ : state) {
    TextReader reader(body);
    double sum = 0;
    size_t misses = 0;
    KnownSample sample;
    for (size_t i = 0; i < known.size(); ++i) {
      auto [hash, length] = known[i];
      bool hit = i < 2 ? reader.SkipKnown(hash, length) : reader.NextKnown(hash, length, &sample);
      misses += hit ? 0 : 1;
      sum += sample.value;
    }
    benchmark::DoNotOptimize(sum);
    if (misses != 0) state.SkipWithError("a known line was not found");
  }
  Report(state, body);
}
BENCHMARK(BM_NextKnown);

}  // namespace
