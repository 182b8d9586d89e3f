#include "tsdb/xor_chunk.h"

#include <benchmark/benchmark.h>

#include <limits>

namespace {

using slurmscope::model::Columns;
using slurmscope::tsdb::XorChunkBuilder;

enum Kind { kConstant, kCounter, kJitter };

double ValueAt(int64_t kind, int i) {
  if (kind == kConstant) return 42;
  if (kind == kCounter) return 1e6 + i * 17;
  return 0.1 * ((i * 7919) % 1000);
}

int64_t TimeAt(int64_t kind, int i) {
  return 1'700'000'000'000 + i * 15'000 + (kind == kJitter ? i % 5 : 0);
}

void Decode(benchmark::State& state) {
  XorChunkBuilder builder;
  for (int i = 0; i < 120; ++i)
    builder.Append(TimeAt(state.range(0), i), ValueAt(state.range(0), i));
  Columns out;
  for (auto _ : state) {
    out.Clear();
    auto result = slurmscope::tsdb::DecodeXorChunk(builder.bytes(), 0,
                                                   std::numeric_limits<int64_t>::max(), &out);
    benchmark::DoNotOptimize(result);
  }
  state.SetItemsProcessed(state.iterations() * 120);
  state.counters["bytes_per_sample"] = static_cast<double>(builder.bytes().size()) / 120;
}
BENCHMARK(Decode)->Arg(kConstant)->Arg(kCounter)->Arg(kJitter);

void Encode(benchmark::State& state) {
  for (auto _ : state) {
    XorChunkBuilder builder;
    for (int i = 0; i < 120; ++i) {
      builder.Append(TimeAt(state.range(0), i), ValueAt(state.range(0), i));
    }
    benchmark::DoNotOptimize(builder.bytes().data());
  }
  state.SetItemsProcessed(state.iterations() * 120);
}
BENCHMARK(Encode)->Arg(kConstant)->Arg(kCounter)->Arg(kJitter);

}  // namespace
