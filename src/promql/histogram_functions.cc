#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/float_text.h"
#include "base/strings.h"
#include "model/bound_text.h"
#include "model/histogram_stats.h"
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

// The series of a vector that make up one histogram: classic buckets, or one of native histograms.
struct BucketGroup {
  SeriesMeta meta;                              // without le
  std::vector<std::pair<double, size_t>> rows;  // upper bound and row, sorted
  std::optional<size_t> native;                 // row
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

// Finds the groups of a vector by the labels but le.
class BucketGroups {
 public:
  BucketGroup& Of(const SeriesMeta& meta) {
    builder_.Reset(meta.labels);
    auto [found, added] = index_.try_emplace(builder_.Remove(kBucketLabel).Build(), groups_.size());
    if (added) groups_.push_back({{found->first, meta.drop_name}, {}, {}});
    return groups_[found->second];
  }
  std::vector<BucketGroup> Take() && {
    for (BucketGroup& group : groups_) std::sort(group.rows.begin(), group.rows.end());
    return std::move(groups_);
  }

 private:
  std::vector<BucketGroup> groups_;
  std::unordered_map<model::Labels, size_t> index_;
  model::LabelsBuilder builder_;
};

struct SampleTypes {
  bool floats = false;
  bool histograms = false;
};

SampleTypes TypesOf(const VectorValue& vector, size_t row) {
  if (!vector.has_histograms()) return {true, false};
  SampleTypes types;
  for (size_t s = 0; s < vector.steps; ++s) {
    if (IsAbsent(vector.Row(row)[s])) continue;
    (vector.Histogram(row, s) != nullptr ? types.histograms : types.floats) = true;
  }
  return types;
}

std::vector<BucketGroup> GroupBuckets(Evaluator& evaluator, const VectorValue& vector,
                                      PosRange pos) {
  BucketGroups groups;
  for (size_t i = 0; i < vector.size(); ++i) {
    const SeriesMeta& meta = vector.series[i];
    SampleTypes types = TypesOf(vector, i);
    if (types.histograms) groups.Of(meta).native = i;
    if (!types.floats) continue;
    auto upper = base::ParseFloat(meta.labels.Get(kBucketLabel));
    if (!upper || std::isnan(*upper)) {
      WarnBadBucket(evaluator.context().notes, meta.labels, pos);
    } else {
      groups.Of(meta).rows.emplace_back(*upper, i);
    }
  }
  return std::move(groups).Take();
}

void GatherBuckets(const VectorValue& vector, const BucketGroup& group, size_t step,
                   std::vector<Bucket>& buckets) {
  buckets.clear();
  for (const auto& [upper, row] : group.rows) {
    double count = vector.Row(row)[step];
    if (!IsAbsent(count) && vector.Histogram(row, step) == nullptr)
      buckets.push_back({upper, count});
  }
}

// classic(buckets, group, step) or native(histogram, group, step) for every group and step.
template <typename Classic, typename Native>
Result<VectorValue> ForEachHistogram(Evaluator& evaluator, const VectorValue& vector,
                                     const std::vector<BucketGroup>& groups, PosRange pos,
                                     Classic classic, Native native) {
  VectorValue result = TRY(NewVector(evaluator.context().guard, groups.size(), vector.steps));
  std::vector<Bucket> buckets;
  for (size_t g = 0; g < groups.size(); ++g) {
    TRY(evaluator.context().guard.Check());
    const BucketGroup& group = groups[g];
    result.series[g] = group.meta;
    for (size_t s = 0; s < vector.steps; ++s) {
      GatherBuckets(vector, group, s, buckets);
      const FloatHistogram* h = group.native ? vector.Histogram(*group.native, s) : nullptr;
      if (h != nullptr && !buckets.empty()) {
        evaluator.context().notes.Warn(
            WithMetricName("vector contains a mix of classic and native histograms",
                           group.meta.labels),
            pos);
      } else if (h != nullptr) {
        result.Row(g)[s] = native(*h, group, s);
      } else if (!buckets.empty()) {
        result.Row(g)[s] = classic(buckets, group, s);
      }
    }
  }
  DropEmptyRows(result);
  return result;
}

Result<VectorValue> QuantileVector(Evaluator& evaluator, const VectorValue& vector,
                                   const std::vector<BucketGroup>& groups,
                                   const std::vector<double>& q, PosRange pos) {
  Annotations& notes = evaluator.context().notes;
  auto classic = [&](std::vector<Bucket>& buckets, const BucketGroup& group, size_t step) {
    BucketResult result = BucketQuantile(q[step], buckets);
    if (result.forced_monotonic)
      notes.Info(WithMetricName(std::string(kMonotonicity), group.meta.labels), pos);
    return result.value;
  };
  auto native = [&](const FloatHistogram& h, const BucketGroup& group, size_t step) {
    model::QuantileResult result = model::HistogramQuantile(q[step], h);
    if (result.nan_observed) {
      std::string_view effect = std::isnan(result.value) ? "is NaN" : "is skewed higher";
      notes.Info(WithMetricName(
                     StrCat("input to histogram_quantile has NaN observations, result ", effect),
                     group.meta.labels),
                 pos);
    }
    return result.value;
  };
  return ForEachHistogram(evaluator, vector, groups, pos, classic, native);
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

Result<void> AppendRows(Evaluator& evaluator, VectorValue& to, VectorValue from) {
  to.steps = from.steps;
  TRY(to.charge.Add(evaluator.context().guard, static_cast<int64_t>(from.values.size())));
  for (size_t i = 0; i < from.size(); ++i) to.AddRow(std::move(from.series[i]), from, i);
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
      meta.labels = builder.Set(label, model::BoundText(q.empty() ? 0 : q.front())).Build();
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
  PosRange pos = call.args[2]->pos;
  auto groups = GroupBuckets(evaluator, vector, pos);
  auto classic = [&](std::vector<Bucket>& buckets, const BucketGroup&, size_t step) {
    return BucketFraction(lower[step], upper[step], buckets);
  };
  auto native = [&](const FloatHistogram& h, const BucketGroup& group, size_t step) {
    if (std::isnan(h.sum)) {
      evaluator.context().notes.Info(
          WithMetricName("input to histogram_fraction has NaN observations, which are excluded "
                         "from all fractions",
                         group.meta.labels),
          pos);
    }
    return model::HistogramFraction(lower[step], upper[step], h);
  };
  VectorValue result = TRY(ForEachHistogram(evaluator, vector, groups, pos, classic, native));
  TRY(evaluator.DropNames(result));
  return VectorOf(std::move(result));
}

double CountOf(const FloatHistogram& h) { return h.count; }
double SumOf(const FloatHistogram& h) { return h.sum; }
double AverageOf(const FloatHistogram& h) { return h.sum / h.count; }
double DeviationOf(const FloatHistogram& h) { return std::sqrt(model::HistogramVariance(h)); }

// A number for each native histogram; floats are passed over.
template <double (*Fn)(const FloatHistogram&)>
Result<Value> Summarize(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  bool detected = evaluator.detect_resets();
  evaluator.set_detect_resets(true);
  auto argument = evaluator.EvalVector(*call.args[0], grid);
  evaluator.set_detect_resets(detected);
  VectorValue vector = TRY(std::move(argument));
  for (size_t i = 0; i < vector.size(); ++i) {
    for (size_t s = 0; s < vector.steps; ++s) {
      const FloatHistogram* h = vector.Histogram(i, s);
      vector.Row(i)[s] = h == nullptr ? Absent() : Fn(*h);
    }
  }
  vector.histograms.clear();
  DropEmptyRows(vector);
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

}  // namespace

CallHandler FindHistogramCall(std::string_view name) {
  if (name == "histogram_quantile") return HistogramQuantile;
  if (name == "histogram_quantiles") return HistogramQuantiles;
  if (name == "histogram_fraction") return HistogramFraction;
  if (name == "histogram_count") return Summarize<CountOf>;
  if (name == "histogram_sum") return Summarize<SumOf>;
  if (name == "histogram_avg") return Summarize<AverageOf>;
  if (name == "histogram_stddev") return Summarize<DeviationOf>;
  if (name == "histogram_stdvar") return Summarize<model::HistogramVariance>;
  return nullptr;
}

}  // namespace slurmscope::promql
