#include "remote/otlp_converter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "model/append_words.h"
#include "model/bound_text.h"
#include "model/sample.h"
#include "remote/otlp_names.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::BoundText;
using model::LabelsBuilder;
using model::MetricType;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// What Prometheus takes for histograms of which it is not told.
constexpr double kZeroThreshold = 1e-128;

OtlpAttributes Sorted(OtlpAttributes attributes) {
  std::stable_sort(attributes.begin(), attributes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return attributes;
}

std::string_view ValueOf(const OtlpAttributes& attributes, std::string_view name) {
  for (const auto& [key, value] : attributes) {
    if (key == name) return value;
  }
  return {};
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsIdentifying(std::string_view name) {
  return name == "service.name" || name == "service.namespace" || name == "service.instance.id";
}

MetricType TypeOf(const OtlpMetric& metric) {
  switch (metric.kind) {
    case OtlpKind::kGauge:
      return MetricType::kGauge;
    case OtlpKind::kSum:
      return metric.monotonic ? MetricType::kCounter : MetricType::kGauge;
    case OtlpKind::kHistogram:
    case OtlpKind::kExponentialHistogram:
      return MetricType::kHistogram;
    case OtlpKind::kSummary:
      return MetricType::kSummary;
    case OtlpKind::kNone:
      break;
  }
  return MetricType::kUnknown;
}

size_t Runes(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

// The attributes of an exemplar are left out when they would make it too long.
model::Labels ExemplarLabels(const OtlpExemplar& exemplar) {
  LabelsBuilder labels;
  labels.Set("trace_id", exemplar.trace_id).Set("span_id", exemplar.span_id);
  model::Labels ids = labels.Build();
  size_t runes = 0;
  for (const auto& [name, value] : exemplar.attributes) labels.Set(name, value);
  for (const auto& [name, value] : labels.pairs()) {
    runes += Runes(name) + Runes(value);
    if (!base::IsValidUtf8(name) || !base::IsValidUtf8(value)) return ids;
  }
  return runes <= model::kMaxExemplarRunes ? labels.Build() : ids;
}

}  // namespace

void OtlpConverter::Reject(uint64_t points, std::string_view reason, std::string_view what) {
  rejected_points_ += points;
  if (points > 0 && first_problem_.empty()) first_problem_ = StrCat(reason, ": ", what);
}

// Attributes that become the same label are put together.
void OtlpConverter::Add(const std::string& name, std::string_view value,
                        LabelsBuilder* labels) const {
  std::string_view before = labels->Get(name);
  labels->Set(name, before.empty() ? std::string(value) : StrCat(before, ";", value));
}

void OtlpConverter::BeginResource(const OtlpAttributes& attributes) {
  resource_ = Sorted(attributes);
  any_ = false;
  last_ms_ = std::numeric_limits<int64_t>::min();
  std::string_view space = ValueOf(resource_, "service.namespace");
  job_ = ValueOf(resource_, "service.name");
  if (!job_.empty() && !space.empty()) job_ = StrCat(space, "/", job_);
  instance_ = ValueOf(resource_, "service.instance.id");
  LabelsBuilder promoted;
  for (const auto& [name, value] : resource_) {
    bool wanted = config_.promote_all_resource_attributes
                      ? !Contains(config_.ignore_resource_attributes, name)
                      : Contains(config_.promote_resource_attributes, name);
    std::string label = wanted ? OtlpLabelName(name, config_) : "";
    if (!label.empty()) Add(label, value, &promoted);
  }
  promoted_ = promoted.pairs();
  scope_.clear();
}

void OtlpConverter::BeginScope(const OtlpScope& scope) {
  if (!config_.promote_scope_metadata) return;
  LabelsBuilder labels;
  for (const auto& [name, value] : Sorted(scope.attributes)) {
    std::string label = OtlpLabelName(StrCat("otel_scope_", name), config_);
    Add(label, value, &labels);
  }
  labels.Set("otel_scope_name", scope.name);
  labels.Set("otel_scope_version", scope.version);
  labels.Set("otel_scope_schema_url", scope.schema_url);
  scope_ = labels.pairs();
}

// False when one is not UTF-8.
bool OtlpConverter::MakeLabels(const OtlpAttributes& attributes, LabelsBuilder* labels) {
  for (const auto& [name, value] : Sorted(attributes)) {
    std::string label = OtlpLabelName(name, config_);
    if (!label.empty() && !value.empty()) Add(label, value, labels);
  }
  for (const OtlpAttributes* more : {&promoted_, &scope_}) {
    for (const auto& [name, value] : *more) {
      if (labels->Get(name).empty()) labels->Set(name, value);
    }
  }
  if (!job_.empty()) labels->Set(model::kJobLabel, job_);
  if (!instance_.empty()) labels->Set(model::kInstanceLabel, instance_);
  return std::all_of(labels->pairs().begin(), labels->pairs().end(), [](const auto& pair) {
    return base::IsValidUtf8(pair.first) && base::IsValidUtf8(pair.second);
  });
}

std::string_view OtlpConverter::ProblemOf(const OtlpMetric& metric) const {
  bool has_temporality = metric.kind == OtlpKind::kSum || metric.kind == OtlpKind::kHistogram ||
                         metric.kind == OtlpKind::kExponentialHistogram;
  if (has_temporality && !metric.cumulative)
    return "only cumulative temporality is taken, let the sender or a collector convert it";
  return {};
}

void OtlpConverter::TakeMetric(const OtlpMetric& metric) {
  std::string_view problem = ProblemOf(metric);
  std::string name = OtlpMetricName(metric, config_.translation);
  if (name.empty() || !base::IsValidUtf8(name)) problem = "no name";
  if (!problem.empty()) return Reject(metric.points.size(), problem, base::Quote(metric.name));
  for (const OtlpPoint& point : metric.points) TakePoint(metric, point, name);
}

void OtlpConverter::TakePoint(const OtlpMetric& metric, const OtlpPoint& point,
                              std::string_view name) {
  Target target{metric, point, name, {}, static_cast<int64_t>(point.time_ns / 1'000'000)};
  if (!MakeLabels(point.attributes, &target.labels))
    return Reject(1, "an attribute that is not UTF-8", base::Quote(metric.name));
  any_ = true;
  last_ms_ = std::max(last_ms_, target.t);
  switch (metric.kind) {
    case OtlpKind::kGauge:
    case OtlpKind::kSum:
      Number(target);
      break;
    case OtlpKind::kHistogram:
      config_.convert_histograms_to_nhcb ? CustomHistogram(target) : ClassicHistogram(target);
      break;
    case OtlpKind::kExponentialHistogram:
      ExponentialHistogram(target);
      break;
    case OtlpKind::kSummary:
      Summary(target);
      break;
    case OtlpKind::kNone:
      break;
  }
  if (target.refused) ++rejected_points_;
}

bool OtlpConverter::InTime(Target& target, const model::Labels& labels) {
  if (target.t <= max_time_ms_) return true;
  if (first_problem_.empty())
    first_problem_ = StrCat("the time is too far in the future: ", labels.ToString());
  target.refused = true;
  return false;
}

void OtlpConverter::Judge(model::AppendStatus status, const model::Labels& labels, Target& target) {
  if (status == model::AppendStatus::kOk) return;
  if (first_problem_.empty())
    first_problem_ = StrCat(model::InWords(status), ": ", labels.ToString());
  target.refused = true;
}

OtlpConverter::Series OtlpConverter::Sample(Target& target, std::string_view suffix,
                                            std::string_view label, std::string_view label_value,
                                            double value) {
  LabelsBuilder builder = target.labels;
  builder.Set(model::kMetricName, StrCat(target.name, suffix));
  if (!label.empty()) builder.Set(label, label_value);
  Series series{0, builder.Build()};
  if (!InTime(target, series.labels)) return series;
  if (target.point.no_value) value = model::StaleNan();
  model::AppendResult result = appender_.Append(0, series.labels, target.t, value);
  Judge(result.status, series.labels, target);
  series.ref = result.ref;
  if (result.status != model::AppendStatus::kOk) return series;
  ++samples_;
  const OtlpMetric& metric = target.metric;
  appender_.UpdateMetadata(series.ref, series.labels,
                           {TypeOf(metric), OtlpUnitName(metric.unit), metric.description});
  return series;
}

void OtlpConverter::Exemplars(const Target& target, const Series& series, double after,
                              double up_to) {
  if (series.ref == 0) return;
  for (const OtlpExemplar& exemplar : target.point.exemplars) {
    bool inside = exemplar.value <= up_to && (after == -kInfinity || exemplar.value > after);
    if (!inside) continue;
    auto t = static_cast<int64_t>(exemplar.time_ns / 1'000'000);
    model::ExemplarStatus status = appender_.AppendExemplar(
        series.ref, series.labels, {ExemplarLabels(exemplar), exemplar.value, t, true});
    if (status == model::ExemplarStatus::kOk) ++exemplars_;
  }
}

void OtlpConverter::Number(Target& target) {
  Series series = Sample(target, "", "", "", target.point.value);
  if (target.metric.kind == OtlpKind::kSum) Exemplars(target, series, -kInfinity, kInfinity);
}

void OtlpConverter::SumAndCount(Target& target) {
  if (target.point.has_sum) Sample(target, "_sum", "", "", target.point.sum);
  Sample(target, "_count", "", "", static_cast<double>(target.point.count));
}

void OtlpConverter::ClassicHistogram(Target& target) {
  const OtlpPoint& point = target.point;
  if (!point.counts.empty() && point.counts.size() != point.bounds.size() + 1) {
    return Reject(1, "bounds and counts of a histogram that do not fit together",
                  base::Quote(target.metric.name));
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

void OtlpConverter::Histogram(Target& target, const model::IntHistogram& histogram) {
  LabelsBuilder builder = target.labels;
  builder.Set(model::kMetricName, target.name);
  Series series{0, builder.Build()};
  if (!InTime(target, series.labels)) return;
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
  if (point.counts.empty() && point.count > 0)
    histogram.positive.push_back(
        {static_cast<int32_t>(histogram.custom_values.size()), static_cast<int64_t>(point.count)});
  Histogram(target, histogram);
}

void OtlpConverter::ExponentialHistogram(Target& target) {
  const OtlpPoint& point = target.point;
  model::IntHistogram histogram;
  histogram.schema = std::min(point.scale, model::FloatHistogram::kMaxSchema);
  if (point.scale < model::FloatHistogram::kMinSchema) {
    return Reject(1, StrCat("a scale below ", model::FloatHistogram::kMinSchema),
                  base::Quote(target.metric.name));
  }
  if (point.no_value) {
    histogram.sum = model::StaleNan();
    return Histogram(target, histogram);
  }
  auto positive = OtlpBucketsOf(point.positive, point.scale, histogram.schema);
  auto negative = OtlpBucketsOf(point.negative, point.scale, histogram.schema);
  if (!positive || !negative) {
    return Reject(1, (positive ? negative : positive).error().message(),
                  base::Quote(target.metric.name));
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

// Without attributes but those that are job and instance there is nothing to say, and without those
// two nothing to say it of.
void OtlpConverter::EndResource() {
  if (!any_ || (job_.empty() && instance_.empty())) return;
  LabelsBuilder labels;
  bool says_something = false;
  for (const auto& [name, value] : resource_) {
    if (IsIdentifying(name) && !config_.keep_identifying_resource_attributes) continue;
    std::string label = OtlpLabelName(name, config_);
    if (label.empty() || value.empty()) continue;
    says_something = says_something || !IsIdentifying(name);
    Add(label, value, &labels);
  }
  if (!says_something) return;
  if (!job_.empty()) labels.Set(model::kJobLabel, job_);
  if (!instance_.empty()) labels.Set(model::kInstanceLabel, instance_);
  labels.Set(model::kMetricName, "target_info");
  if (last_ms_ > max_time_ms_) return;
  for (const auto& [name, value] : labels.pairs()) {
    if (!base::IsValidUtf8(name) || !base::IsValidUtf8(value)) return;
  }
  // It may be there already, by another request of the same time.
  model::AppendResult result = appender_.Append(0, labels.Build(), last_ms_, 1);
  if (result.status == model::AppendStatus::kOk) ++samples_;
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
