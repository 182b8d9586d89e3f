#include <cmath>
#include <map>
#include <optional>

#include "base/float_text.h"
#include "promql/script_parse.h"

namespace slurmscope::promql {

using model::FloatHistogram;

namespace {

// A classic histogram at one time.
struct Classic {
  std::map<double, double> buckets;  // cumulative counts by upper bound
  std::optional<double> count;
  double sum = 0;
};

FloatHistogram Convert(const Classic& classic) {
  FloatHistogram h;
  h.schema = FloatHistogram::kCustomSchema;
  h.sum = classic.sum;
  double below = 0;
  int32_t index = 0;
  auto add = [&](double cumulative) {
    if (cumulative != below) h.positive.push_back({index, cumulative - below});
    below = cumulative;
    ++index;
  };
  for (const auto& [upper, cumulative] : classic.buckets) {
    if (std::isfinite(upper)) h.custom_values.push_back(upper);
    add(cumulative);
  }
  h.count = classic.count.value_or(below);
  bool has_last = !classic.buckets.empty() && classic.buckets.rbegin()->first == INFINITY;
  if (!has_last) add(h.count);
  return h;
}

struct Role {
  std::string_view base;  // name without its suffix; empty: not part of a histogram
  enum { kBucket, kCount, kSum } kind = kBucket;
  double upper = 0;
};

Role RoleOf(const model::Labels& labels) {
  std::string_view name = labels.Get(model::kMetricName);
  auto without = [name](std::string_view suffix) {
    return name.substr(0, name.size() - suffix.size());
  };
  if (name.ends_with("_count")) return {without("_count"), Role::kCount};
  if (name.ends_with("_sum")) return {without("_sum"), Role::kSum};
  auto upper = base::ParseFloat(labels.Get("le"));
  if (name.ends_with("_bucket") && upper) return {without("_bucket"), Role::kBucket, *upper};
  return {};
}

}  // namespace

std::vector<ScriptSeries> CustomBucketHistograms(const std::vector<ScriptSeries>& series) {
  std::map<model::Labels, std::map<size_t, Classic>> found;
  for (const ScriptSeries& one : series) {
    Role role = RoleOf(one.labels);
    if (role.base.empty()) continue;
    model::LabelsBuilder builder(one.labels);
    builder.Set(model::kMetricName, role.base).Remove("le");
    std::map<size_t, Classic>& histograms = found[builder.Build()];
    for (size_t i = 0; i < one.points.size(); ++i) {
      const ScriptPoint& point = one.points[i];
      if (point.omitted || point.histogram != nullptr) continue;
      Classic& classic = histograms[i];
      if (role.kind == Role::kBucket) classic.buckets[role.upper] = point.v;
      if (role.kind == Role::kCount) classic.count = point.v;
      if (role.kind == Role::kSum) classic.sum = point.v;
    }
  }
  std::vector<ScriptSeries> result;
  for (const auto& [labels, histograms] : found) {
    ScriptSeries& one = result.emplace_back();
    one.labels = labels;
    for (const auto& [i, classic] : histograms) {
      if (classic.buckets.empty()) continue;
      one.points.resize(i, ScriptPoint{true});
      one.points.push_back(
          {false, 0, std::make_shared<const FloatHistogram>(Convert(classic)), false});
    }
  }
  return result;
}

}  // namespace slurmscope::promql
