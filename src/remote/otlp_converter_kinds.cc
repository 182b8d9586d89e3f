// The kinds of metrics, each as the series that Prometheus has for it.
#include <algorithm>
#include <limits>

#include "base/strings.h"
#include "model/bound_text.h"
#include "model/sample.h"
#include "remote/otlp_converter.h"
#include "remote/otlp_names.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::BoundText;
using model::LabelsBuilder;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// What Prometheus takes for histograms of which it is not told.
constexpr double kZeroThreshold = 1e-128;

}  // namespace

void OtlpConverter::SumAndCount(Target& target) {
  if (target.point.has_sum) Sample(target, "_sum", "", "", target.point.sum);
  Sample(target, "_count", "", "", static_cast<double>(target.point.count));
}

void OtlpConverter::ClassicHistogram(Target& target) {
  const OtlpPoint& point = target.point;
  if (!point.counts.empty() && point.counts.size() != point.bounds.size() + 1) {
    return Reject(1, "bounds and counts of a histogram that do not fit together",
                  target.metric.name);
  }
  SumAndCount(target);
  uint64_t so_far = 0;
  double before = -kInfinity;
  for (size_t i = 0; i < point.bounds.size() && i < point.counts.size(); ++i) {
    so_far += point.counts[i];
    Series series =
        Sample(target, "_bucket", "le", BoundText(point.bounds[i]), static_cast<double>(so_far));
    Exemplars(target, series, before, point.bounds[i]);
    before = point.bounds[i];
  }
  Series series = Sample(target, "_bucket", "le", "+Inf", static_cast<double>(point.count));
  Exemplars(target, series, before, kInfinity);
}

void OtlpConverter::Histogram(Target& target, model::IntHistogram histogram) {
  LabelsBuilder builder = target.labels;
  builder.Set(model::kMetricName, target.name);
  Series series{0, builder.Build()};
  if (!InTime(target, series.labels)) return;
  // Of deltas each is lower than the one before as it likes: no counter, that would be reset.
  const bool as_it_is = target.metric.delta && options_.delta == OtlpDelta::kAsTheyAre;
  if (as_it_is) histogram.hint = model::ResetHint::kGauge;
  AppendStart(target, series.labels, &histogram);
  model::AppendResult result = appender_.AppendHistogram(0, series.labels, target.t, histogram);
  Judge(result.status, series.labels, target);
  series.ref = result.ref;
  if (result.status != model::AppendStatus::kOk) return;
  ++histograms_;
  const OtlpMetric& metric = target.metric;
  appender_.UpdateMetadata(series.ref, series.labels,
                           {TypeOf(metric), OtlpUnitName(metric.unit), metric.description});
  Exemplars(target, series, -kInfinity, kInfinity);
}

void OtlpConverter::CustomHistogram(Target& target) {
  const OtlpPoint& point = target.point;
  model::IntHistogram histogram;
  histogram.schema = model::FloatHistogram::kCustomSchema;
  histogram.custom_values = point.bounds;
  // An infinite bound is always there, unsaid.
  if (!point.bounds.empty() && point.bounds.back() == kInfinity) histogram.custom_values.pop_back();
  if (point.no_value) {
    histogram.sum = model::StaleNan();
    return Histogram(target, histogram);
  }
  histogram.sum = point.sum;
  histogram.count = point.count;
  for (size_t i = 0; i < point.counts.size(); ++i) {
    if (point.counts[i] == 0) continue;
    histogram.positive.push_back({static_cast<int32_t>(i), static_cast<int64_t>(point.counts[i])});
  }
  if (point.counts.empty() && point.count > 0) {
    histogram.positive.push_back(
        {static_cast<int32_t>(histogram.custom_values.size()), static_cast<int64_t>(point.count)});
  }
  Histogram(target, histogram);
}

void OtlpConverter::ExponentialHistogram(Target& target) {
  const OtlpPoint& point = target.point;
  model::IntHistogram histogram;
  histogram.schema = std::min(point.scale, model::FloatHistogram::kMaxSchema);
  if (point.scale < model::FloatHistogram::kMinSchema) {
    return Reject(1, StrCat("a scale below ", model::FloatHistogram::kMinSchema),
                  target.metric.name);
  }
  if (point.no_value) {
    histogram.sum = model::StaleNan();
    return Histogram(target, histogram);
  }
  auto positive = OtlpBucketsOf(point.positive, point.scale, histogram.schema);
  auto negative = OtlpBucketsOf(point.negative, point.scale, histogram.schema);
  if (!positive || !negative) {
    return Reject(1, (positive ? negative : positive).error().message(), target.metric.name);
  }
  histogram.positive = *std::move(positive);
  histogram.negative = *std::move(negative);
  histogram.zero_threshold = point.zero_threshold > 0 ? point.zero_threshold : kZeroThreshold;
  histogram.zero_count = point.zero_count;
  histogram.count = point.count;
  histogram.sum = point.sum;
  Histogram(target, histogram);
}

void OtlpConverter::Summary(Target& target) {
  Sample(target, "_sum", "", "", target.point.sum);
  Sample(target, "_count", "", "", static_cast<double>(target.point.count));
  for (const auto& [quantile, value] : target.point.quantiles)
    Sample(target, "", "quantile", BoundText(quantile), value);
}

Result<std::vector<model::IntHistogramBucket>> OtlpBucketsOf(const OtlpBuckets& buckets,
                                                             int32_t scale, int32_t schema) {
  std::vector<model::IntHistogramBucket> out;
  // Further to the right nothing of an index is left.
  const int shift = std::min(scale - schema, 62);
  for (size_t i = 0; i < buckets.counts.size(); ++i) {
    if (buckets.counts[i] == 0) continue;
    // OTLP's bucket i has its lower bound where ours has its upper one.
    int64_t index = ((int64_t{buckets.offset} + static_cast<int64_t>(i)) >> shift) + 1;
    if (index < std::numeric_limits<int32_t>::min() || index > std::numeric_limits<int32_t>::max())
      return base::Fail(base::ErrorCode::kInvalidArgument, "a bucket beyond all numbers");
    auto narrow = static_cast<int32_t>(index);
    auto count = static_cast<int64_t>(buckets.counts[i]);
    if (!out.empty() && out.back().index == narrow) {
      // Wraps where the sender lies; Validate() finds what is negative.
      out.back().count = static_cast<int64_t>(static_cast<uint64_t>(out.back().count) +
                                              static_cast<uint64_t>(count));
    } else {
      out.push_back({narrow, count});
    }
  }
  return out;
}

}  // namespace slurmscope::remote
