// Any expression over a small storage is answered or refused within its limits: nothing is read out
// of bounds, nothing overflows, and asking again gives the same answer. The first byte says how it
// is asked. ./dev fuzz seeds it with the expressions of test/promql.
#include <cstdlib>
#include <limits>

#include "promql/engine.h"
#include "promql/memory_storage.h"

namespace {

using namespace slurmscope;

constexpr int64_t kStepMs = 15'000;
constexpr int kSamples = 60;

model::HistogramPtr Histogram(int i, bool custom) {
  auto histogram = std::make_shared<model::FloatHistogram>();
  if (custom) {
    histogram->schema = model::FloatHistogram::kCustomSchema;
    histogram->custom_values = {0.1, 1, 10};
  } else {
    histogram->zero_threshold = 0.001;
    histogram->zero_count = 1;
    histogram->negative = {{0, 1}, {3, 2.0 * i}};
  }
  histogram->positive = {{0, 1}, {2, static_cast<double>(i)}};
  histogram->count = custom ? 1 + i : 5 + 3 * i;
  histogram->sum = i * 0.7;
  return histogram;
}

// Counters with resets, gauges, gaps, stale markers, special values, classic and native histograms.
void Fill(promql::MemoryStorage& storage) {
  const double kSpecial[] = {0.0,
                             -0.0,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             model::NormalNan(),
                             1e308,
                             5e-324,
                             model::StaleNan()};
  for (int i = 0; i < kSamples; ++i) {
    const int64_t t = i * kStepMs;
    for (const char* instance : {"a", "b"}) {
      const double offset = instance[0] == 'a' ? 0 : 100;
      auto labels = [&](const char* name, const char* key, const char* value) {
        return model::Labels{{"__name__", name}, {"instance", instance}, {key, value}};
      };
      storage.Add(labels("metric", "job", "x"), t, (i % 20) * 3 + offset);
      if (i % 7 != 0) storage.Add(labels("gauge", "job", "y"), t, (i * 37 % 11) - 5 + offset);
      storage.Add(labels("special", "job", "x"), t, kSpecial[i % 8]);
      for (const char* le : {"0.1", "1", "+Inf"})
        storage.Add(labels("h_bucket", "le", le), t, i * (1.0 + (le[0] == '+' ? 4 : le[0] - '0')));
    }
    model::Columns point;
    if (i % 9 == 8) {
      point.Append(t, static_cast<double>(i));
    } else {
      point.Append(t, Histogram(i % 25, i % 13 == 12));
    }
    storage.Add(model::Labels{{"__name__", "native"}, {"instance", "a"}}, point);
    storage.Add(model::Labels{{"__name__", "target_info"}, {"instance", "a"}, {"v", "1"}}, t, 1);
  }
}

promql::Engine& TheEngine() {
  static promql::Engine engine([] {
    promql::EngineOptions options;
    options.threads = 1;
    options.timeout_ms = 5000;
    options.max_samples = 200'000;
    options.max_bytes = 64 << 20;
    options.parser.experimental_functions = true;
    options.parser.extended_range_selectors = true;
    options.parser.fill_modifiers = true;
    return options;
  }());
  return engine;
}

// How much there is of it, to be compared.
size_t Size(const promql::QueryResult& result) {
  if (const auto* vector = std::get_if<promql::VectorResult>(&result.value))
    return vector->samples.size();
  const auto* matrix = std::get_if<promql::MatrixResult>(&result.value);
  if (matrix == nullptr) return 0;
  size_t points = 0;
  for (const auto& series : matrix->series) points += 1 + series.points.size();
  return points;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static promql::MemoryStorage* storage = [] {
    auto* filled = new promql::MemoryStorage;
    Fill(*filled);
    return filled;
  }();
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  promql::QueryOptions options;
  if ((data[0] & 1) != 0) options.stats = promql::StatsWanted::kPerStep;
  const int64_t t = (data[0] >> 2 & 15) * 4 * kStepMs;
  auto ask = [&] {
    if ((data[0] & 2) == 0) return TheEngine().Instant(*storage, text, t, options);
    return TheEngine().Range(*storage, text, t, t + 10 * kStepMs, 7000, options);
  };
  auto first = ask();
  if (!first) return 0;
  if (auto again = ask(); again && Size(*again) != Size(*first)) std::abort();
  return 0;
}
