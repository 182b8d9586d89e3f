#include <algorithm>

#include "promql/eval.h"

namespace slurmscope::promql {

namespace {

using model::Columns;

// What stays open while the samples of a selection are read.
struct Selection {
  std::unique_ptr<model::Querier> querier;
  std::unique_ptr<model::SeriesSet> series;
};

Result<Selection> Select(QueryContext& context, const VectorSelector& selector, int64_t mint,
                         int64_t maxt, int64_t range_ms, const StepGrid& grid,
                         std::string_view func) {
  Selection selection;
  selection.querier = TRY(context.storage.NewQuerier(mint, maxt));
  model::SelectHints hints;
  hints.start = mint;
  hints.end = maxt;
  hints.step = context.instant ? 0 : grid.step;
  hints.range = range_ms;
  hints.func = func;
  selection.series = TRY(selection.querier->Select(false, hints, selector.matchers));
  return selection;
}

// The newest sample of (t - lookback, t] for each step, unless it is a stale marker.
bool FillRow(const Columns& samples, const StepGrid& grid, const TimeShift& shift,
             int64_t lookback_ms, bool timestamps, double* row) {
  bool any = false;
  size_t next = 0;  // first sample after the step
  for (size_t i = 0; i < grid.count; ++i) {
    int64_t t = shift.Apply(grid.At(i));
    while (next < samples.size() && samples.t[next] <= t) ++next;
    if (next == 0) continue;
    int64_t sample_t = samples.t[next - 1];
    double v = samples.v[next - 1];
    if (sample_t <= SaturatingSub(t, lookback_ms) || model::IsStale(v)) continue;
    row[i] = timestamps ? static_cast<double>(sample_t) / 1000 : v;
    any = true;
  }
  return any;
}

// As FillRow, but on the line between the samples before and after the step.
bool FillSmoothed(const Columns& samples, const StepGrid& grid, const TimeShift& shift,
                  int64_t lookback_ms, double* row) {
  bool any = FillRow(samples, grid, shift, lookback_ms, false, row);
  for (size_t i = 0; any && i < grid.count; ++i) {
    if (IsAbsent(row[i])) continue;
    int64_t t = shift.Apply(grid.At(i));
    auto next = std::upper_bound(samples.t.begin(), samples.t.end(), t) - samples.t.begin();
    auto after = static_cast<size_t>(next);
    if (after == samples.size() || model::IsStale(samples.v[after])) continue;
    if (samples.t[after] > SaturatingAdd(t, lookback_ms)) continue;
    double span = static_cast<double>(samples.t[after]) - static_cast<double>(samples.t[after - 1]);
    double part = (static_cast<double>(t) - static_cast<double>(samples.t[after - 1])) / span;
    row[i] += (samples.v[after] - row[i]) * part;
  }
  return any;
}

void RemoveStale(Columns& samples) {
  size_t kept = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (model::IsStale(samples.v[i])) continue;
    samples.t[kept] = samples.t[i];
    samples.v[kept++] = samples.v[i];
  }
  samples.t.resize(kept);
  samples.v.resize(kept);
}

}  // namespace

Result<VectorValue> Evaluator::EvalVectorSelector(const VectorSelector& selector,
                                                  const StepGrid& grid, bool timestamps) {
  if (grid.count == 0) return VectorValue{};
  TimeShift shift = TRY(Shift(selector.time));
  int64_t mint = SaturatingAdd(SaturatingSub(shift.Apply(grid.start), context_.lookback_ms), 1);
  int64_t maxt =
      SaturatingAdd(shift.Apply(grid.Last()), selector.smoothed ? context_.lookback_ms : 0);
  Selection selection = TRY(Select(context_, selector, mint, maxt, 0, grid, ""));
  size_t n = selection.series->size();
  VectorValue vector = TRY(NewVector(context_.guard, n, grid.count));
  Result<void> done =
      ForEachSeries(n, grid.count + 32, [&](size_t begin, size_t end) -> Result<void> {
        Columns samples;
        int64_t read = 0;
        for (size_t i = begin; i < end; ++i) {
          TRY(selection.series->Decode(i, mint, maxt, &samples));
          read += static_cast<int64_t>(samples.size());
          bool any =
              selector.smoothed && !timestamps
                  ? FillSmoothed(samples, grid, shift, context_.lookback_ms, vector.Row(i))
                  : FillRow(samples, grid, shift, context_.lookback_ms, timestamps, vector.Row(i));
          if (any) {
            vector.series[i].labels = selection.series->LabelsAt(i);
          }
        }
        context_.guard.CountRead(read);
        return {};
      });
  TRY(std::move(done));
  DropEmptyRows(vector);
  return vector;
}

Result<RangeSource> Evaluator::OpenRange(const Expr& expr, const StepGrid& grid,
                                         std::string_view func) {
  const Expr& inner = Unwrap(expr);
  if (inner.kind() == NodeKind::kSubquery)
    return OpenSubquery(static_cast<const SubqueryExpr&>(inner), grid);
  const auto& matrix = static_cast<const MatrixSelector&>(inner);
  const VectorSelector& selector = *matrix.selector;
  RangeSource source;
  source.plan = {grid, TRY(Shift(selector.time)), TRY(Duration(matrix.range))};
  source.plan.mode = selector.anchored   ? RangeMode::kAnchored
                     : selector.smoothed ? RangeMode::kSmoothed
                                         : RangeMode::kPlain;
  source.plan.lookback_ms = context_.lookback_ms;
  if (grid.count == 0) return source;
  int64_t before = source.plan.mode == RangeMode::kPlain ? 0 : context_.lookback_ms;
  int64_t after = source.plan.mode == RangeMode::kSmoothed ? context_.lookback_ms : 0;
  int64_t mint = SaturatingAdd(SaturatingSub(source.plan.Start(0), before), 1);
  int64_t maxt = SaturatingAdd(source.plan.End(grid.count - 1), after);
  auto selection = std::make_shared<Selection>(
      TRY(Select(context_, selector, mint, maxt, source.plan.range_ms, grid, func)));
  source.size = selection->series->size();
  source.labels = [selection](size_t i) { return selection->series->LabelsAt(i); };
  source.drop_name = [](size_t) { return false; };
  source.load = [this, selection, mint, maxt](size_t i, Columns* out) -> Result<void> {
    TRY(selection->series->Decode(i, mint, maxt, out));
    context_.guard.CountRead(static_cast<int64_t>(out->size()));
    RemoveStale(*out);
    return {};
  };
  return source;
}

// Only an instant query has a range vector as its value, so the first step is all there is.
Result<Value> Evaluator::EvalRangeVector(const Expr& expr, const StepGrid& grid) {
  RangeSource source = TRY(OpenRange(expr, grid, ""));
  Value value;
  value.type = ValueType::kMatrix;
  int64_t start = source.plan.Start(0);
  int64_t end = source.plan.End(0);
  for (size_t i = 0; i < source.size; ++i) {
    MatrixSeries series;
    TRY(source.load(i, &series.points));
    Columns& points = series.points;
    auto first = std::upper_bound(points.t.begin(), points.t.end(), start) - points.t.begin();
    auto last = std::upper_bound(points.t.begin(), points.t.end(), end) - points.t.begin();
    points.t.erase(points.t.begin() + last, points.t.end());
    points.v.erase(points.v.begin() + last, points.v.end());
    points.t.erase(points.t.begin(), points.t.begin() + first);
    points.v.erase(points.v.begin(), points.v.begin() + first);
    if (points.size() == 0) continue;
    TRY(value.matrix_charge.Add(context_.guard, static_cast<int64_t>(points.size())));
    series.labels = source.drop_name(i) ? WithoutName(source.labels(i)) : source.labels(i);
    value.matrix.push_back(std::move(series));
  }
  return value;
}

}  // namespace slurmscope::promql
