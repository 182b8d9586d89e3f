#include "promql/eval_aggregate.h"

#include <algorithm>
#include <cmath>

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

Result<VectorValue> EmptyResult(Evaluator& evaluator, Grouping& grouping, size_t steps) {
  VectorValue result = TRY(NewVector(evaluator.context().guard, grouping.groups.size(), steps));
  result.series = std::move(grouping.groups);
  return result;
}

template <typename Acc>
Result<VectorValue> Accumulate(Evaluator& evaluator, const VectorValue& input, Grouping grouping) {
  size_t steps = input.steps;
  VectorValue result = TRY(EmptyResult(evaluator, grouping, steps));
  std::vector<Acc> accumulators(result.values.size());
  for (size_t i = 0; i < input.size(); ++i) {
    if (i % 4096 == 4095) TRY(evaluator.context().guard.Check());
    const double* row = input.Row(i);
    Acc* acc = accumulators.data() + grouping.group_of[i] * steps;
    for (size_t k = 0; k < steps; ++k) {
      if (!IsAbsent(row[k])) acc[k].Add(row[k]);
    }
  }
  for (size_t i = 0; i < accumulators.size(); ++i) result.values[i] = accumulators[i].Value();
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

Result<VectorValue> Simple(Evaluator& evaluator, AggregateOp op, const VectorValue& input,
                           Grouping grouping) {
  switch (op) {
    case AggregateOp::kSum:
      return Accumulate<SumAcc>(evaluator, input, std::move(grouping));
    case AggregateOp::kAvg:
      return Accumulate<MeanAcc>(evaluator, input, std::move(grouping));
    case AggregateOp::kCount:
      return Accumulate<CountAcc>(evaluator, input, std::move(grouping));
    case AggregateOp::kGroup:
      return Accumulate<GroupAcc>(evaluator, input, std::move(grouping));
    case AggregateOp::kMin:
      return Accumulate<ExtremeAcc<false>>(evaluator, input, std::move(grouping));
    case AggregateOp::kMax:
      return Accumulate<ExtremeAcc<true>>(evaluator, input, std::move(grouping));
    case AggregateOp::kStddev:
      return Accumulate<VarianceAcc<true>>(evaluator, input, std::move(grouping));
    case AggregateOp::kStdvar:
      return Accumulate<VarianceAcc<false>>(evaluator, input, std::move(grouping));
    default:
      return ExecError("unknown aggregation");
  }
}

}  // namespace

Grouping GroupSeries(const VectorValue& input, const AggregateExpr& expr) {
  Grouping grouping;
  SignatureTable table(expr.grouping, !expr.without);
  grouping.group_of.reserve(input.size());
  for (const SeriesMeta& meta : input.series) {
    size_t id = table.IdOf(meta.labels);
    if (id == grouping.groups.size())
      grouping.groups.push_back({table.Project(meta.labels), false});
    if (meta.drop_name) grouping.groups[id].drop_name = true;
    grouping.group_of.push_back(id);
  }
  return grouping;
}

Result<VectorValue> Evaluator::EvalAggregate(const AggregateExpr& expr, const StepGrid& grid) {
  if (expr.op == AggregateOp::kCountValues) {
    VectorValue counted = TRY(EvalVector(*expr.expr, grid));
    return AggregateCountValues(*this, expr, counted);
  }
  std::vector<double> param;
  if (expr.param) param = TRY(EvalScalar(*expr.param, grid));
  VectorValue input = TRY(EvalVector(*expr.expr, grid));
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
      return Simple(*this, expr.op, input, GroupSeries(input, expr));
  }
}

}  // namespace slurmscope::promql
