#include <algorithm>
#include <cmath>

#include "model/histogram_sum.h"
#include "promql/range_histograms.h"
#include "promql/range_window.h"

// Anchored and smoothed range vectors of series with histograms; extended_kernels.cc has them for
// floats.

namespace slurmscope::promql {

using model::HistogramSum;
using model::ResetHint;

namespace {

// What one step sees: the samples [first, high), of which `first` may lie before the window.
struct ExtendedWindow {
  const RangeInput& input;
  const HistogramNotes& notes;
  size_t low = 0;
  size_t high = 0;
  int64_t start = 0;
  int64_t end = 0;
  bool before = false;  // low - 1 is near enough to the start
  bool after = false;   // high is near enough to the end, and no sample lies on it

  const model::Columns& samples() const { return input.samples; }
  const HistogramPtr& At(size_t i) const { return input.samples.h[i]; }
  bool smoothed() const { return input.plan.mode == RangeMode::kSmoothed; }
  size_t first() const { return before ? low - 1 : low; }
  size_t last() const { return smoothed() && after ? high : high - 1; }
};

enum class SampleKind { kFloats, kHistograms, kMixed };

SampleKind KindOf(const ExtendedWindow& w) {
  bool floats = false;
  bool histograms = false;
  for (size_t i = w.first(); i <= w.last(); ++i) (w.At(i) != nullptr ? histograms : floats) = true;
  if (floats && histograms) return SampleKind::kMixed;
  return floats ? SampleKind::kFloats : SampleKind::kHistograms;
}

bool SameSchemas(const ExtendedWindow& w) {
  bool custom = w.At(w.first())->custom();
  for (size_t i = w.first() + 1; i <= w.last(); ++i) {
    if (w.At(i)->custom() != custom) return false;
  }
  return true;
}

void NoteHints(const ExtendedWindow& w, bool counter) {
  auto gauge = [&w](size_t i) { return w.At(i)->hint == ResetHint::kGauge; };
  if (!counter) {
    if (!gauge(w.first()) || !gauge(w.last())) w.notes.NotGauge();
    return;
  }
  for (size_t i = w.first(); i <= w.last(); ++i) {
    if (gauge(i)) return w.notes.NotCounter();
  }
}

HistogramPtr OnLine(const ExtendedWindow& w, size_t left, int64_t t, bool counter) {
  if (w.samples().t[left] == t) return w.At(left);
  double part = SecondsBetween(w.samples().t[left], t) /
                SecondsBetween(w.samples().t[left], w.samples().t[left + 1]);
  return Interpolate(*w.At(left), *w.At(left + 1), part, counter);
}

// The change between the window's edges. A line across a reset starts from zero, so that reset is
// no step in it.
FloatHistogram Change(const ExtendedWindow& w, bool counter) {
  bool line_at_start = w.smoothed() && w.before;
  bool line_at_end = w.smoothed() && w.after;
  HistogramPtr left = line_at_start ? OnLine(w, w.low - 1, w.start, counter) : w.At(w.first());
  HistogramPtr right = line_at_end ? OnLine(w, w.high - 1, w.end, counter) : w.At(w.high - 1);
  HistogramSum change(*right);
  change.Add(*left, -1);
  bool exact_start = line_at_start && w.samples().t[w.low - 1] == w.start;
  size_t from = line_at_start && !exact_start ? w.low : w.first();
  for (size_t i = from + 1; counter && i <= w.last(); ++i) {
    if (w.At(i)->IsResetFrom(*w.At(i - 1))) change.Add(*w.At(i - 1));
  }
  if (change.reconciled()) w.notes.Reconciled("subtraction");
  return change.Result();
}

HistogramPtr Rate(const ExtendedWindow& w, bool counter, bool per_second) {
  if (!SameSchemas(w)) {
    w.notes.MixedSchemas();
    return nullptr;
  }
  NoteHints(w, counter);
  FloatHistogram change = Change(w, counter);
  if (per_second) change.Divide(static_cast<double>(w.input.plan.range_ms) / 1000);
  change.hint = ResetHint::kGauge;
  return std::make_shared<const FloatHistogram>(std::move(change));
}

bool Differ(const ExtendedWindow& w, size_t i, bool resets_only) {
  const HistogramPtr& before = w.At(i - 1);
  const HistogramPtr& now = w.At(i);
  if ((before == nullptr) != (now == nullptr)) return true;
  if (now != nullptr) return resets_only ? now->IsResetFrom(*before) : !now->Equals(*before);
  double x = w.samples().v[i - 1];
  double y = w.samples().v[i];
  return resets_only ? y < x : x != y && !(std::isnan(x) && std::isnan(y));
}

double CountDifferences(const ExtendedWindow& w, bool resets_only) {
  int n = 0;
  for (size_t i = w.first() + 1; i <= w.last(); ++i) n += Differ(w, i, resets_only) ? 1 : 0;
  return n;
}

// Whether the step has a result at all.
bool Covered(const ExtendedWindow& w) {
  return w.low < w.high || (w.smoothed() && w.before && w.after);
}

void ComputeStep(std::string_view function, const ExtendedWindow& w, double& v,
                 HistogramPtr& histogram) {
  if (!Covered(w)) return;
  if (function == "changes" || function == "resets") {
    v = CountDifferences(w, function == "resets");
    return;
  }
  SampleKind kind = KindOf(w);
  if (kind == SampleKind::kFloats) return;
  v = Absent();
  if (kind == SampleKind::kMixed) return w.notes.MixedWithFloats();
  histogram = Rate(w, function != "delta", function == "rate");
  if (histogram != nullptr) v = 0;
}

}  // namespace

HistogramPtr Interpolate(const FloatHistogram& from, const FloatHistogram& to, double part,
                         bool counter) {
  if (from.custom() != to.custom()) return nullptr;
  FloatHistogram right = to;
  right.Scale(part);
  if (counter && to.IsResetFrom(from))
    return std::make_shared<const FloatHistogram>(std::move(right));
  HistogramSum sum(right);
  sum.Add(from, 1 - part);
  FloatHistogram result = sum.Result();
  result.hint = to.hint;
  return std::make_shared<const FloatHistogram>(std::move(result));
}

void RunExtendedOnHistograms(std::string_view function, RangeKernel kernel, const RangeInput& input,
                             const HistogramNotes& notes, double* out, HistogramPtr* histograms) {
  const auto& [samples, plan, args] = input;
  model::Columns floats;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples.h[i] == nullptr) floats.Append(samples.t[i], samples.v[i]);
  }
  kernel({floats, plan, args}, out);
  ExtendedWindow w{input, notes};
  for (size_t i = 0; i < plan.grid.count; ++i) {
    w.start = plan.Start(i);
    w.end = plan.End(i);
    while (w.high < samples.size() && samples.t[w.high] <= w.end) ++w.high;
    while (w.low < w.high && samples.t[w.low] <= w.start) ++w.low;
    w.before = w.low > 0 && samples.t[w.low - 1] > SaturatingSub(w.start, plan.lookback_ms);
    bool exact = w.high > 0 && samples.t[w.high - 1] == w.end;
    w.after = !exact && w.high > 0 && w.high < samples.size() &&
              samples.t[w.high] <= SaturatingAdd(w.end, plan.lookback_ms);
    ComputeStep(function, w, out[i], histograms[i]);
  }
}

}  // namespace slurmscope::promql
