#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/calls.h"
#include "promql/classic_histogram.h"
#include "promql/label_ops.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

constexpr std::string_view kBucketLabel = "le";
constexpr std::string_view kMonotonicity =
    "input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

// The series of a vector that make up one classic histogram.
struct BucketGroup {
  SeriesMeta meta;                              // without le
  std::vector<std::pair<double, size_t>> rows;  // upper bound and row, sorted
};

std::string WithMetricName(std::string message, const model::Labels& labels) {
  std::string_view name = labels.Get(model::kMetricName);
  if (!name.empty()) base::StrAppend(message, " for metric name \"", name, '"');
  return message;
}

void WarnBadBucket(Annotations& notes, const model::Labels& labels, PosRange pos) {
  notes.Warn(WithMetricName(StrCat("bucket label \"le\" is missing or has a malformed value of \"",
                                   labels.Get(kBucketLabel), '"'),
                            labels),
             pos);
}

std::vector<BucketGroup> GroupBuckets(Evaluator& evaluator, const VectorValue& vector,
                                      PosRange pos) {
  std::vector<BucketGroup> groups;
  std::unordered_map<model::Labels, size_t> index;
  model::LabelsBuilder builder;
  for (size_t i = 0; i < vector.size(); ++i) {
    const SeriesMeta& meta = vector.series[i];
    auto upper = base::ParseFloat(meta.labels.Get(kBucketLabel));
    if (!upper || std::isnan(*upper)) {
      WarnBadBucket(evaluator.context().notes, meta.labels, pos);
      continue;
    }
    builder.Reset(meta.labels);
    auto [found, added] = index.try_emplace(builder.Remove(kBucketLabel).Build(), groups.size());
    if (added) groups.push_back({{found->first, meta.drop_name}, {}});
    groups[found->second].rows.emplace_back(*upper, i);
  }
  for (BucketGroup& group : groups) std::sort(group.rows.begin(), group.rows.end());
  return groups;
}

// fn(buckets, group, step) for every group and step with at least one bucket.
template <typename Fn>
Result<VectorValue> ForEachHistogram(Evaluator& evaluator, const VectorValue& vector,
                                     const std::vector<BucketGroup>& groups, Fn fn) {
  VectorValue result = TRY(NewVector(evaluator.context().guard, groups.size(), vector.steps));
  std::vector<Bucket> buckets;
  for (size_t g = 0; g < groups.size(); ++g) {
    TRY(evaluator.context().guard.Check());
    result.series[g] = groups[g].meta;
    for (size_t s = 0; s < vector.steps; ++s) {
      buckets.clear();
      for (const auto& [upper, row] : groups[g].rows) {
        double count = vector.Row(row)[s];
        if (!IsAbsent(count)) buckets.push_back({upper, count});
      }
      if (!buckets.empty()) result.Row(g)[s] = fn(buckets, groups[g], s);
    }
  }
  return result;
}

Result<VectorValue> QuantileVector(Evaluator& evaluator, const VectorValue& vector,
                                   const std::vector<BucketGroup>& groups,
                                   const std::vector<double>& q, PosRange pos) {
  return ForEachHistogram(evaluator, vector, groups,
                          [&](std::vector<Bucket>& buckets, const BucketGroup& group, size_t step) {
                            BucketResult result = BucketQuantile(q[step], buckets);
                            if (result.forced_monotonic) {
                              evaluator.context().notes.Info(
                                  WithMetricName(std::string(kMonotonicity), group.meta.labels),
                                  pos);
                            }
                            return result.value;
                          });
}

Result<Value> HistogramQuantile(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::vector<double> q = TRY(evaluator.EvalScalar(*call.args[0], grid));
  WarnBadQuantiles(evaluator.context().notes, q, call.args[0]->pos);
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[1], grid));
  PosRange pos = call.args[1]->pos;
  auto groups = GroupBuckets(evaluator, vector, pos);
  VectorValue result = TRY(QuantileVector(evaluator, vector, groups, q, pos));
  TRY(evaluator.DropNames(result));
  return VectorOf(std::move(result));
}

// As OpenMetrics writes it: whole numbers get ".0".
std::string QuantileLabel(double q) {
  std::string text = base::FormatFloat(q, base::FloatStyle::kExposition);
  if (std::isfinite(q) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

Result<void> AppendRows(Evaluator& evaluator, VectorValue& to, VectorValue from) {
  to.steps = from.steps;
  TRY(to.charge.Add(evaluator.context().guard, static_cast<int64_t>(from.values.size())));
  std::move(from.series.begin(), from.series.end(), std::back_inserter(to.series));
  to.values.insert(to.values.end(), from.values.begin(), from.values.end());
  return {};
}

Result<Value> HistogramQuantiles(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::string label = TRY(evaluator.EvalString(*call.args[1]));
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  PosRange pos = call.args[0]->pos;
  auto groups = GroupBuckets(evaluator, vector, pos);
  VectorValue all;
  all.steps = grid.count;
  model::LabelsBuilder builder;
  for (size_t i = 2; i < call.args.size(); ++i) {
    std::vector<double> q = TRY(evaluator.EvalScalar(*call.args[i], grid));
    WarnBadQuantiles(evaluator.context().notes, q, call.args[i]->pos);
    VectorValue part = TRY(QuantileVector(evaluator, vector, groups, q, pos));
    for (SeriesMeta& meta : part.series) {
      if (meta.labels.Has(label))
        return ExecError(StrCat("conflicting label ", base::Quote(label)));
      builder.Reset(meta.labels);
      meta.labels = builder.Set(label, QuantileLabel(q.empty() ? 0 : q.front())).Build();
    }
    TRY(AppendRows(evaluator, all, std::move(part)));
  }
  TRY(evaluator.DropNames(all));
  return VectorOf(std::move(all));
}

Result<Value> HistogramFraction(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::vector<double> lower = TRY(evaluator.EvalScalar(*call.args[0], grid));
  std::vector<double> upper = TRY(evaluator.EvalScalar(*call.args[1], grid));
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[2], grid));
  auto groups = GroupBuckets(evaluator, vector, call.args[2]->pos);
  VectorValue result =
      TRY(ForEachHistogram(evaluator, vector, groups,
                           [&](std::vector<Bucket>& buckets, const BucketGroup&, size_t step) {
                             return BucketFraction(lower[step], upper[step], buckets);
                           }));
  TRY(evaluator.DropNames(result));
  return VectorOf(std::move(result));
}

// Functions of native histograms pass over floats: the argument is evaluated for its errors alone.
Result<Value> IgnoreFloats(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  TRY(evaluator.EvalVector(*call.args[0], grid));
  return VectorOf({});
}

}  // namespace

CallHandler FindHistogramCall(std::string_view name) {
  if (name == "histogram_quantile") return HistogramQuantile;
  if (name == "histogram_quantiles") return HistogramQuantiles;
  if (name == "histogram_fraction") return HistogramFraction;
  for (std::string_view native : {"histogram_avg", "histogram_count", "histogram_sum",
                                  "histogram_stddev", "histogram_stdvar"}) {
    if (name == native) return IgnoreFloats;
  }
  return nullptr;
}

}  // namespace slurmscope::promql
