#include "scrape/histogram_limits.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "model/histogram_layout.h"

namespace slurmscope::scrape {
namespace {

using model::FloatHistogram;

// The finest schema whose buckets grow by at least `factor` from one to the next: 2^(2^-schema).
int32_t FinestSchema(double factor) {
  if (!(factor > 1)) return FloatHistogram::kMaxSchema;
  const double schema = -std::floor(std::log2(std::log2(factor)));
  return static_cast<int32_t>(
      std::clamp<double>(schema, FloatHistogram::kMinSchema, FloatHistogram::kMaxSchema));
}

template <typename Histogram>
void Coarsen(int32_t schema, Histogram* h) {
  model::ToCoarserSchema(h->positive, h->schema, schema);
  model::ToCoarserSchema(h->negative, h->schema, schema);
  h->schema = schema;
}

template <typename Histogram>
bool Limit(const config::ScrapeConfig& config, Histogram* h) {
  const uint64_t limit = config.native_histogram_bucket_limit;
  const auto too_many = [&] {
    return limit > 0 && h->positive.size() + h->negative.size() > limit;
  };
  if (h->schema < FloatHistogram::kMinSchema || h->schema > FloatHistogram::kMaxSchema)
    return !too_many();  // custom buckets cannot be made coarser
  if (config.native_histogram_min_bucket_factor > 0)
    Coarsen(std::min(h->schema, FinestSchema(config.native_histogram_min_bucket_factor)), h);
  while (too_many()) {
    if (h->schema <= FloatHistogram::kMinSchema) return false;
    Coarsen(h->schema - 1, h);
  }
  return true;
}

}  // namespace

bool LimitBuckets(const config::ScrapeConfig& config, exposition::HistogramValue* histogram) {
  return std::visit([&](auto& h) { return Limit(config, &h); }, *histogram);
}

exposition::HistogramValue EmptyLike(const exposition::HistogramValue& histogram) {
  return std::visit(
      [](const auto& h) {
        std::decay_t<decltype(h)> empty;
        empty.schema = h.schema;
        empty.zero_threshold = h.zero_threshold;
        empty.custom_values = h.custom_values;
        return exposition::HistogramValue(std::move(empty));
      },
      histogram);
}

model::AppendResult AppendHistogramValue(model::Appender& appender, model::SeriesRef ref,
                                         const model::Labels& labels, int64_t t,
                                         const exposition::HistogramValue& histogram) {
  if (const auto* whole = std::get_if<model::IntHistogram>(&histogram))
    return appender.AppendHistogram(ref, labels, t, *whole);
  return appender.AppendFloatHistogram(ref, labels, t, std::get<FloatHistogram>(histogram));
}

}  // namespace slurmscope::scrape
