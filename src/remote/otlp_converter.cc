#include "remote/otlp_converter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "model/append_words.h"
#include "model/sample.h"
#include "remote/otlp_names.h"
#include "remote/start_zero.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::LabelsBuilder;
using model::MetricType;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

void OtlpConverter::Reject(uint64_t points, std::string_view reason, std::string_view metric) {
  rejected_points_ += points;
  if (points > 0 && first_problem_.empty())
    first_problem_ = StrCat(reason, ": ", base::Quote(metric));
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
  if (!has_temporality || metric.cumulative) return {};
  if (!metric.delta) return "no temporality";
  if (options_.delta != OtlpDelta::kRefused) return {};
  return "delta temporality is not taken: start the server with --enable-feature="
         "otlp-deltatocumulative or otlp-native-delta-ingestion, or let the sender or a collector "
         "convert it to cumulative";
}

// Of a delta there is no type that says what it is.
MetricType OtlpConverter::TypeOf(const OtlpMetric& metric) const {
  if (metric.delta && options_.delta == OtlpDelta::kAsTheyAre) return MetricType::kUnknown;
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

void OtlpConverter::BeginMetric(const OtlpMetric& metric) {
  metric_ = metric;
  name_ = OtlpMetricName(metric, config_.translation);
  problem_ = ProblemOf(metric);
  if (name_.empty() || !base::IsValidUtf8(name_)) problem_ = "no name";
}

void OtlpConverter::TakePoint(const OtlpPoint& point) {
  if (!problem_.empty()) return Reject(1, problem_, metric_.name);
  if (point.time_ns == 0) return Reject(1, "no time", metric_.name);
  Target target{metric_, point, name_, {}, static_cast<int64_t>(point.time_ns / 1'000'000)};
  if (!MakeLabels(point.attributes, &target.labels))
    return Reject(1, "an attribute that is not UTF-8", metric_.name);
  any_ = true;
  last_ms_ = std::max(last_ms_, target.t);
  if (!metric_.delta || totals_ == nullptr) return Convert(target);
  auto total = totals_->Add(metric_.kind, StrCat(name_, target.labels.Build().ToString()), point);
  if (!total) return Reject(1, total.error().message(), metric_.name);
  total->exemplars = point.exemplars;
  Target added{metric_, *total, name_, std::move(target.labels), target.t};
  Convert(added);
}

void OtlpConverter::Convert(Target& target) {
  const OtlpMetric& metric = target.metric;
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
  const bool adds_up = !suffix.empty() || target.metric.kind == OtlpKind::kSum;
  if (adds_up) AppendStart(target, series.labels, nullptr);
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

// What storage cannot put there is left out.
void OtlpConverter::AppendStart(const Target& target, const model::Labels& labels,
                                const model::IntHistogram* histogram) {
  const auto start_ms = static_cast<int64_t>(target.point.start_ns / 1'000'000);
  const bool as_it_is = target.metric.delta && options_.delta == OtlpDelta::kAsTheyAre;
  if (!options_.start_times || as_it_is) return;
  if (!StartsBefore(appender_, labels, start_ms, target.t)) return;
  if (histogram == nullptr) {
    appender_.Append(0, labels, start_ms, 0);
  } else {
    appender_.AppendHistogram(0, labels, start_ms, EmptyLike(*histogram));
  }
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

}  // namespace slurmscope::remote
