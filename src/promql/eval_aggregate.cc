#include "promql/eval_aggregate.h"

#include <algorithm>
#include <cmath>

#include "promql/histogram_notes.h"
#include "promql/kahan.h"
#include "promql/label_ops.h"
#include "promql/range_kernels.h"

namespace slurmscope::promql {

namespace {

// Accumulators: one for each group and step. Add() sees the samples in the order of the series, so
// sums do not depend on threads.
struct SumAcc {
  KahanSum sum;
  bool any = false;
  void Add(double v) {
    any = true;
    sum.Add(v);
  }
  double Value() const { return any ? sum.value() : Absent(); }
};

struct MeanAcc {
  KahanMean mean;
  void Add(double v) { mean.Add(v); }
  double Value() const { return mean.count() > 0 ? mean.value() : Absent(); }
};

struct CountAcc {
  double count = 0;
  void Add(double) { ++count; }
  double Value() const { return count > 0 ? count : Absent(); }
};

struct GroupAcc {
  bool any = false;
  void Add(double) { any = true; }
  double Value() const { return any ? 1 : Absent(); }
};

template <bool kMax>
struct ExtremeAcc {
  double best = Absent();
  void Add(double v) {
    if (IsAbsent(best) || std::isnan(best) || (kMax ? v > best : v < best)) best = v;
  }
  double Value() const { return best; }
};

template <bool kRoot>
struct VarianceAcc {
  double count = 0;
  double mean = 0;
  double squares = 0;
  void Add(double v) {
    ++count;
    double delta = v - mean;
    mean += delta / count;
    squares += delta * (v - mean);
    if (!std::isfinite(v)) squares = NAN;
  }
  double Value() const {
    if (count == 0) return Absent();
    return kRoot ? std::sqrt(squares / count) : squares / count;
  }
};

template <typename Acc>
class AccumulatorOf final : public RowAccumulator {
 public:
  AccumulatorOf(size_t groups, size_t steps) : steps_(steps), cells_(groups * steps) {}

  void Add(const double* rows, const uint32_t* group_of, size_t count, size_t first,
           size_t last) override {
    for (size_t i = 0; i < count; ++i) {
      const double* row = rows + i * steps_;
      Acc* acc = cells_.data() + group_of[i] * steps_;
      for (size_t k = first; k < last; ++k) {
        if (!IsAbsent(row[k])) acc[k].Add(row[k]);
      }
    }
  }
  void Write(double* out) const override {
    for (size_t i = 0; i < cells_.size(); ++i) out[i] = cells_[i].Value();
  }

 private:
  size_t steps_;
  std::vector<Acc> cells_;
};

template <typename Acc>
std::unique_ptr<RowAccumulator> NewOf(size_t groups, size_t steps) {
  return std::make_unique<AccumulatorOf<Acc>>(groups, steps);
}

Result<VectorValue> EmptyResult(Evaluator& evaluator, Grouping& grouping, size_t steps) {
  VectorValue result = TRY(NewVector(evaluator.context().guard, grouping.groups.size(), steps));
  result.series = std::move(grouping.groups);
  return result;
}

// The rows of each group, so that one group's samples at a step can be gathered.
std::vector<std::vector<size_t>> Members(const Grouping& grouping) {
  std::vector<std::vector<size_t>> members(grouping.groups.size());
  for (size_t i = 0; i < grouping.group_of.size(); ++i) members[grouping.group_of[i]].push_back(i);
  return members;
}

Result<VectorValue> Quantiles(Evaluator& evaluator, const VectorValue& input, Grouping grouping,
                              const std::vector<double>& q) {
  auto members = Members(grouping);
  VectorValue result = TRY(EmptyResult(evaluator, grouping, input.steps));
  std::vector<double> values;
  for (size_t g = 0; g < members.size(); ++g) {
    TRY(evaluator.context().guard.Check());
    for (size_t k = 0; k < input.steps; ++k) {
      values.clear();
      for (size_t i : members[g]) {
        if (!IsAbsent(input.Row(i)[k])) values.push_back(input.Row(i)[k]);
      }
      if (!values.empty()) result.Row(g)[k] = Quantile(q[k], values);
    }
  }
  return result;
}

// Which aggregations have no use for histograms.
bool PassesOverHistograms(AggregateOp op) {
  switch (op) {
    case AggregateOp::kMin:
    case AggregateOp::kMax:
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar:
    case AggregateOp::kQuantile:
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::unique_ptr<RowAccumulator> NewRowAccumulator(AggregateOp op, size_t groups, size_t steps) {
  switch (op) {
    case AggregateOp::kSum:
      return NewOf<SumAcc>(groups, steps);
    case AggregateOp::kAvg:
      return NewOf<MeanAcc>(groups, steps);
    case AggregateOp::kCount:
      return NewOf<CountAcc>(groups, steps);
    case AggregateOp::kGroup:
      return NewOf<GroupAcc>(groups, steps);
    case AggregateOp::kMin:
      return NewOf<ExtremeAcc<false>>(groups, steps);
    case AggregateOp::kMax:
      return NewOf<ExtremeAcc<true>>(groups, steps);
    case AggregateOp::kStddev:
      return NewOf<VarianceAcc<true>>(groups, steps);
    case AggregateOp::kStdvar:
      return NewOf<VarianceAcc<false>>(groups, steps);
    default:
      return nullptr;
  }
}

Result<void> AddRows(Evaluator& evaluator, RowAccumulator& accumulator, const double* rows,
                     const uint32_t* group_of, size_t count, size_t steps) {
  constexpr size_t kPieces = 16;
  size_t pieces = std::clamp<size_t>(steps / 16, 1, kPieces);
  return evaluator.ForEachSeries(
      pieces, count * steps / pieces, [&](size_t first, size_t last) -> Result<void> {
        accumulator.Add(rows, group_of, count, first * steps / pieces, last * steps / pieces);
        return {};
      });
}

Result<VectorValue> AggregateFloats(Evaluator& evaluator, AggregateOp op, const VectorValue& input,
                                    Grouping grouping) {
  auto accumulator = NewRowAccumulator(op, grouping.groups.size(), input.steps);
  if (accumulator == nullptr) return ExecError("unknown aggregation");
  VectorValue result = TRY(EmptyResult(evaluator, grouping, input.steps));
  TRY(AddRows(evaluator, *accumulator, input.values.data(), grouping.group_of.data(), input.size(),
              input.steps));
  accumulator->Write(result.values.data());
  return result;
}

Grouping GroupSeries(const VectorValue& input, const AggregateExpr& expr) {
  Grouping grouping;
  SignatureTable table(expr.grouping, !expr.without);
  grouping.group_of.reserve(input.size());
  for (const SeriesMeta& meta : input.series) {
    size_t id = table.IdOf(meta.labels);
    if (id == grouping.groups.size())
      grouping.groups.push_back({table.Project(meta.labels), false});
    if (meta.drop_name) grouping.groups[id].drop_name = true;
    grouping.group_of.push_back(static_cast<uint32_t>(id));
  }
  return grouping;
}

Result<VectorValue> Evaluator::EvalAggregate(const AggregateExpr& expr, const StepGrid& grid) {
  if (expr.op == AggregateOp::kCountValues) {
    VectorValue counted = TRY(EvalVector(*expr.expr, grid));
    return AggregateCountValues(*this, expr, counted);
  }
  if (auto direct = TRY(AggregateRows(*this, expr, grid))) return std::move(*direct);
  std::vector<double> param;
  if (expr.param) param = TRY(EvalScalar(*expr.param, grid));
  VectorValue input = TRY(EvalVector(*expr.expr, grid));
  if (PassesOverHistograms(expr.op) && KeepFloats(input)) {
    HistogramNotes(context_.notes, expr.expr->pos, "").IgnoredInAggregation(ToString(expr.op));
  }
  if (input.has_histograms() && (expr.op == AggregateOp::kSum || expr.op == AggregateOp::kAvg)) {
    return AggregateHistograms(*this, expr, std::move(input));
  }
  switch (expr.op) {
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      return AggregateChoosing(*this, expr, std::move(input), param);
    case AggregateOp::kQuantile:
      WarnBadQuantiles(context_.notes, param, expr.param->pos);
      return Quantiles(*this, input, GroupSeries(input, expr), param);
    default:
      return AggregateFloats(*this, expr.op, input, GroupSeries(input, expr));
  }
}

}  // namespace slurmscope::promql
