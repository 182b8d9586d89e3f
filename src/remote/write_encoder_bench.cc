// What a request of remote write costs on the side that sends: message and snappy.
#include <benchmark/benchmark.h>

#include "base/strings.h"
#include "remote/snappy_block.h"
#include "remote/write_encoder.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;

// Two scrapes of a node's 1000 series.
std::vector<OutgoingItem> Items() {
  std::vector<std::shared_ptr<const OutgoingSeries>> series;
  for (uint64_t i = 0; i < 1000; ++i) {
    auto made = std::make_shared<OutgoingSeries>();
    made->ref = i + 1;
    made->labels =
        EncodeLabels(model::Labels{{"__name__", StrCat("node_metric_", i % 40, "_total")},
                                   {"cpu", StrCat(i / 40)},
                                   {"instance", "gpu-node-0017:9100"},
                                   {"job", "node"},
                                   {"mode", "idle"}});
    series.push_back(std::move(made));
  }
  std::vector<OutgoingItem> items;
  for (int64_t t = 0; t < 2; ++t) {
    for (const auto& each : series) {
      OutgoingItem item;
      item.series = each;
      item.t = 1'700'000'000'000 + 15'000 * t;
      item.value = static_cast<double>(each->ref) * 1.5 + static_cast<double>(t);
      items.push_back(std::move(item));
    }
  }
  return items;
}

void BM_Encode(benchmark::State& state) {
  const auto version = state.range(0) == 1 ? WriteVersion::kV1 : WriteVersion::kV2;
  const std::vector<OutgoingItem> items = Items();
  for (auto _ : state) {
    std::string message = EncodeWrite(version, items.data(), items.size());
    benchmark::DoNotOptimize(message);
  }
  state.SetItemsProcessed(static_cast<int64_t>(items.size()) * state.iterations());
}
BENCHMARK(BM_Encode)->Arg(1)->Arg(2);

void BM_Snappy(benchmark::State& state) {
  const std::vector<OutgoingItem> items = Items();
  const std::string message = EncodeWrite(WriteVersion::kV1, items.data(), items.size());
  for (auto _ : state) benchmark::DoNotOptimize(SnappyEncode(message));
  state.SetItemsProcessed(static_cast<int64_t>(items.size()) * state.iterations());
}
BENCHMARK(BM_Snappy);

}  // namespace
}  // namespace slurmscope::remote
