#include <algorithm>
#include <cstring>

#include "promql/eval.h"
#include "promql/range_histograms.h"
#include "promql/range_window.h"
#include "promql/row_source.h"
#include "promql/scratch_columns.h"
#include "promql/smoothed_selector.h"

namespace slurmscope::promql {

namespace {

using model::Columns;

// What stays open while the samples of a selection are read.
struct Selection {
  std::unique_ptr<model::Querier> querier;
  std::unique_ptr<model::SeriesSet> series;
};

// A guess at the samples of a series.
size_t SamplesBetween(int64_t mint, int64_t maxt) {
  constexpr int64_t kIntervalMs = 15'000;
  int64_t samples = std::clamp<int64_t>(SaturatingSub(maxt, mint) / kIntervalMs, 32, 1 << 20);
  return static_cast<size_t>(samples);
}

// A query that must be answered at once finds its series among few, and does not look far back.
Result<void> CheckBeforeSelect(QueryContext& context, model::Querier& querier,
                               const std::vector<model::Matcher>& matchers, int64_t span_ms) {
  constexpr int64_t kLongestMs = 15 * 60 * 1000;
  constexpr size_t kMostLookedAt = 512;
  if (!context.series_left) return {};
  if (span_ms <= kLongestMs && querier.AtMost(matchers) <= kMostLookedAt) return {};
  return base::Fail(base::ErrorCode::kUnavailable, "this query takes longer");
}

Result<void> CheckSelected(QueryContext& context, size_t series) {
  if (!context.series_left) return {};
  if (series > *context.series_left)
    return base::Fail(base::ErrorCode::kUnavailable, "this query takes longer");
  *context.series_left -= series;
  return {};
}

// In the order of the labels if asked for, so that sums do not depend on where the samples lie.
Result<Selection> Select(QueryContext& context, const VectorSelector& selector, int64_t mint,
                         int64_t maxt, int64_t range_ms, const StepGrid& grid,
                         std::string_view func, bool sorted = true) {
  Selection selection;
  selection.querier = TRY(context.storage.NewQuerier(mint, maxt));
  int64_t span_ms = SaturatingSub(maxt, mint);
  TRY(CheckBeforeSelect(context, *selection.querier, selector.matchers, span_ms));
  model::SelectHints hints;
  hints.start = mint;
  hints.end = maxt;
  hints.step = context.instant ? 0 : grid.step;
  hints.range = range_ms;
  hints.func = func;
  selection.series = TRY(selection.querier->Select(sorted, hints, selector.matchers));
  TRY(CheckSelected(context, selection.series->size()));
  for (std::string& warning : selection.querier->Warnings())
    context.notes.WarnOfStorage(std::move(warning));
  return selection;
}

double TimeOf(const Columns& samples, size_t i, SampleField field) {
  int64_t start = samples.st.empty() ? 0 : samples.st[i];
  return static_cast<double>(field == SampleField::kTime ? samples.t[i] : start) / 1000;
}

// The newest sample of (t - lookback, t] for each step, unless it is a stale marker.
bool FillRow(const Columns& samples, const StepGrid& grid, const TimeShift& shift,
             int64_t lookback_ms, SampleField field, double* row) {
  bool any = false;
  size_t next = 0;  // first sample after the step
  size_t pace = 0;
  for (size_t i = 0; i < grid.count; ++i) {
    int64_t t = shift.Apply(grid.At(i));
    next = FirstAfter(samples.t, next, t, pace);
    if (next == 0) continue;
    int64_t sample_t = samples.t[next - 1];
    double v = samples.v[next - 1];
    if (sample_t <= SaturatingSub(t, lookback_ms) || model::IsStale(v)) continue;
    row[i] = field == SampleField::kValue ? v : TimeOf(samples, next - 1, field);
    any = true;
  }
  return any;
}

// The histograms among the samples that FillRow chose.
void FillHistograms(const SmoothedSeries& series, bool smoothed, const HistogramNotes& notes,
                    double* row, HistogramPtr* histograms) {
  const Columns& samples = series.samples;
  size_t next = 0;
  for (size_t i = 0; i < series.grid.count; ++i) {
    int64_t t = series.shift.Apply(series.grid.At(i));
    while (next < samples.size() && samples.t[next] <= t) ++next;
    if (next > 0 && !IsAbsent(row[i])) histograms[i] = samples.h[next - 1];
  }
  if (smoothed) SmoothHistograms(series, notes, row, histograms);
}

constexpr size_t kAskedAtOnce = 16;

// Whether one of so many values is a NaN; two are asked by one instruction.
bool AnyNan(const double* v) {
  using Two = double __attribute__((vector_size(16)));
  Two two;
  std::memcpy(&two, v, sizeof two);
  auto is = two != two;
  for (size_t i = 2; i < kAskedAtOnce; i += 2) {
    std::memcpy(&two, v + i, sizeof two);
    is |= two != two;
  }
  return (is[0] | is[1]) != 0;
}

// The place of the first stale marker, or the end.
size_t FirstStale(const model::Values& v) {
  size_t i = 0;
  while (i + kAskedAtOnce <= v.size() && !AnyNan(v.data() + i)) i += kAskedAtOnce;
  auto from = v.begin() + static_cast<std::ptrdiff_t>(i);
  return static_cast<size_t>(std::find_if(from, v.end(), model::IsStale) - v.begin());
}

void RemoveStale(Columns& samples) {
  size_t kept = FirstStale(samples.v);
  if (kept == samples.size()) return;
  for (size_t i = kept + 1; i < samples.size(); ++i) {
    if (model::IsStale(samples.v[i])) continue;
    samples.t[kept] = samples.t[i];
    samples.v[kept] = samples.v[i];
    if (samples.has_histograms()) samples.h[kept] = std::move(samples.h[i]);
    if (!samples.st.empty()) samples.st[kept] = samples.st[i];
    ++kept;
  }
  samples.t.resize(kept);
  samples.v.resize(kept);
  if (samples.has_histograms()) samples.h.resize(kept);
  if (!samples.st.empty()) samples.st.resize(kept);
}

}  // namespace

Result<VectorValue> Evaluator::EvalVectorSelector(const VectorSelector& selector,
                                                  const StepGrid& grid, SampleField field) {
  if (grid.count == 0) return VectorValue{};
  TimeShift shift = TRY(Shift(selector.time));
  int64_t mint = SaturatingAdd(SaturatingSub(shift.Apply(grid.start), context_.lookback_ms), 1);
  int64_t maxt =
      SaturatingAdd(shift.Apply(grid.Last()), selector.smoothed ? context_.lookback_ms : 0);
  Selection selection = TRY(Select(context_, selector, mint, maxt, 0, grid, ""));
  size_t n = selection.series->size();
  VectorValue vector = TRY(NewVector(context_.guard, n, grid.count));
  HistogramRows histograms(vector);
  bool newest = grid.count == 1 && !selector.smoothed && !detect_resets_;
  size_t work = grid.count + (newest ? 32 : SamplesBetween(mint, maxt));
  Result<void> done = ForEachSeries(n, work, [&](size_t begin, size_t end) -> Result<void> {
    ScratchColumns scratch;
    Columns& samples = *scratch;
    int64_t read = 0;
    for (size_t i = begin; i < end; ++i) {
      TRY(newest ? selection.series->DecodeNewest(i, mint, maxt, &samples)
                 : selection.series->Decode(i, mint, maxt, &samples));
      read += static_cast<int64_t>(samples.size());
      double* row = vector.Row(i);
      if (!FillRow(samples, grid, shift, context_.lookback_ms, field, row)) continue;
      vector.series[i].labels = selection.series->LabelsAt(i);
      if (field != SampleField::kValue) continue;
      SmoothedSeries series{samples, grid, shift, context_.lookback_ms};
      if (selector.smoothed) SmoothFloats(series, row);
      if (!samples.has_histograms()) continue;
      if (detect_resets_) DetectResets(samples);
      HistogramNotes notes(context_.notes, selector.pos,
                           vector.series[i].labels.Get(model::kMetricName));
      FillHistograms(series, selector.smoothed, notes, row, histograms.Row(i));
    }
    context_.guard.CountRead(read);
    return {};
  });
  TRY(std::move(done));
  DropEmptyRows(vector);
  TRY(ChargeHistograms(context_.guard, vector));
  return vector;
}

Result<std::optional<RowSource>> OpenRows(Evaluator& evaluator, const Expr& expr,
                                          const StepGrid& grid, bool sorted) {
  const Expr& inner = Unwrap(expr);
  if (grid.count == 0) return std::nullopt;
  if (inner.kind() == NodeKind::kCall)
    return OpenCallRows(evaluator, static_cast<const Call&>(inner), grid, sorted);
  if (inner.kind() != NodeKind::kVectorSelector) return std::nullopt;
  const auto& selector = static_cast<const VectorSelector&>(inner);
  if (selector.smoothed) return std::nullopt;
  QueryContext& context = evaluator.context();
  TimeShift shift = TRY(evaluator.Shift(selector.time));
  int64_t mint = SaturatingAdd(SaturatingSub(shift.Apply(grid.start), context.lookback_ms), 1);
  int64_t maxt = shift.Apply(grid.Last());
  auto selection =
      std::make_shared<Selection>(TRY(Select(context, selector, mint, maxt, 0, grid, "", sorted)));
  RowSource rows;
  rows.size = selection->series->size();
  rows.steps = grid.count;
  rows.work = grid.count + (grid.count == 1 ? 32 : SamplesBetween(mint, maxt));
  rows.groups = [selection](const std::vector<std::string>& names, bool without) {
    return selection->series->GroupBy(names, without);
  };
  rows.fill = [=, &context](size_t i, Columns* samples, double* row) -> Result<bool> {
    TRY(grid.count == 1 ? selection->series->DecodeNewest(i, mint, maxt, samples)
                        : selection->series->Decode(i, mint, maxt, samples));
    if (samples->has_histograms()) return false;
    context.guard.CountRead(static_cast<int64_t>(samples->size()));
    FillRow(*samples, grid, shift, context.lookback_ms, SampleField::kValue, row);
    return true;
  };
  return rows;
}

Result<RangeSource> Evaluator::OpenRange(const Expr& expr, const StepGrid& grid,
                                         std::string_view func, bool sorted) {
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
      TRY(Select(context_, selector, mint, maxt, source.plan.range_ms, grid, func, sorted)));
  source.size = selection->series->size();
  source.labels = [selection](size_t i) { return selection->series->LabelsAt(i); };
  source.drop_name = [](size_t) { return false; };
  source.samples = SamplesBetween(mint, maxt);
  source.groups = [selection](const std::vector<std::string>& names, bool without) {
    return selection->series->GroupBy(names, without);
  };
  source.load_newest = [this, selection, mint, maxt](size_t i, Columns* out) -> Result<void> {
    TRY(selection->series->DecodeNewest(i, mint, maxt, out));
    if (out->size() == 0 || !model::IsStale(out->v[0])) {
      context_.guard.CountRead(static_cast<int64_t>(out->size()));
      return {};
    }
    TRY(selection->series->Decode(i, mint, maxt, out));
    context_.guard.CountRead(static_cast<int64_t>(out->size()));
    RemoveStale(*out);
    return {};
  };
  source.load = [this, selection, mint, maxt, detect = detect_resets_](
                    size_t i, Columns* out) -> Result<void> {
    TRY(selection->series->Decode(i, mint, maxt, out));
    context_.guard.CountRead(static_cast<int64_t>(out->size()));
    RemoveStale(*out);
    if (detect) DetectResets(*out);
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
    Columns points;
    TRY(source.load(i, &points));
    auto first = std::upper_bound(points.t.begin(), points.t.end(), start) - points.t.begin();
    auto last = std::upper_bound(points.t.begin(), points.t.end(), end) - points.t.begin();
    if (first == last) continue;
    series.points.Assign(points, static_cast<size_t>(first), static_cast<size_t>(last));
    TRY(value.matrix_charge.Add(context_.guard, last - first));
    series.labels = source.drop_name(i) ? WithoutName(source.labels(i)) : source.labels(i);
    value.matrix.push_back(std::move(series));
  }
  return value;
}

}  // namespace slurmscope::promql
