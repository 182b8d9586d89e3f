#include <algorithm>

#include "promql/eval.h"

namespace slurmscope::promql {

namespace {

// The first multiple of `step` after `t`.
int64_t FirstStepAfter(int64_t t, int64_t step) {
  int64_t past = t % step;
  if (past < 0) past += step;
  return SaturatingAdd(t, step - past);
}

// A hint is about the sample before in storage, which need not be the one before in the subquery.
HistogramPtr WithoutHint(const HistogramPtr& histogram) {
  using enum model::ResetHint;
  if (histogram->hint == kGauge || histogram->hint == kUnknown) return histogram;
  auto copy = std::make_shared<FloatHistogram>(*histogram);
  copy->hint = kUnknown;
  return copy;
}

Result<StepGrid> SubqueryGrid(const WindowPlan& plan, int64_t step, QueryGuard& guard) {
  if (step <= 0) return ExecError("subquery step must be greater than 0");
  int64_t after = plan.Start(0);
  int64_t end = plan.End(plan.grid.count - 1);
  StepGrid grid = StepGrid::Between(FirstStepAfter(after, step), end, step);
  // A wild grid must fail before a column of it is made.
  SampleCharge probe;
  TRY(probe.Add(guard, static_cast<int64_t>(std::min<size_t>(grid.count, size_t{1} << 61))));
  return grid;
}

}  // namespace

Result<RangeSource> Evaluator::OpenSubquery(const SubqueryExpr& subquery, const StepGrid& grid) {
  RangeSource source;
  source.plan = {grid, TRY(Shift(subquery.time)), TRY(Duration(subquery.range))};
  if (grid.count == 0) return source;
  if (context_.series_left)
    return base::Fail(base::ErrorCode::kUnavailable, "a subquery takes longer");
  int64_t step = TRY(Duration(subquery.step));
  if (!subquery.has_step || (step == 0 && !subquery.step.expr))
    step = context_.default_subquery_step_ms;
  StepGrid inner_grid = TRY(SubqueryGrid(source.plan, step, context_.guard));
  auto inner = std::make_shared<VectorValue>();
  if (inner_grid.count > 0) {
    bool detected = detect_resets_;
    detect_resets_ = false;  // its samples are not neighbours in storage
    auto evaluated = Eval(*subquery.expr, inner_grid);
    detect_resets_ = detected;
    Value value = TRY(std::move(evaluated));
    if (value.type == ValueType::kScalar) {
      *inner = TRY(NewVector(context_.guard, 1, inner_grid.count));
      inner->values = std::move(value.scalar);
    } else {
      *inner = std::move(value.vector);
    }
  }
  source.size = inner->size();
  source.labels = [inner](size_t i) { return inner->series[i].labels; };
  source.drop_name = [inner](size_t i) { return inner->series[i].drop_name; };
  source.load = [inner, inner_grid](size_t i, model::Columns* out) -> Result<void> {
    out->Clear();
    const double* row = inner->Row(i);
    for (size_t k = 0; k < inner_grid.count; ++k) {
      if (IsAbsent(row[k])) continue;
      if (inner->Histogram(i, k) != nullptr) {
        out->Append(inner_grid.At(k), WithoutHint(inner->histograms[i * inner->steps + k]));
      } else {
        out->Append(inner_grid.At(k), row[k]);
      }
    }
    return {};
  };
  return source;
}

}  // namespace slurmscope::promql
