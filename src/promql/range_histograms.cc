#include "promql/range_histograms.h"

#include <algorithm>
#include <array>

#include "model/histogram_sum.h"
#include "promql/range_window.h"
#include "promql/start_times.h"

namespace slurmscope::promql {

using model::Columns;
using model::HistogramSum;
using model::ResetHint;

namespace {

// The samples of one step, with at least one histogram, and the cell for its result. What the
// function makes of the floats alone lies in `v`.
struct HistogramWindow {
  const Columns& samples;
  size_t low = 0;
  size_t high = 0;
  int64_t start = 0;
  int64_t end = 0;
  bool has_floats = false;
  const HistogramNotes& notes;
  double& v;
  HistogramPtr& histogram;

  size_t size() const { return high - low; }
  const FloatHistogram& At(size_t i) const { return *samples.h[low + i]; }
  const FloatHistogram* Find(size_t i) const { return samples.h[low + i].get(); }
  void Set(HistogramPtr result) const {
    v = 0;
    histogram = std::move(result);
  }
  void Set(FloatHistogram result) const {
    Set(std::make_shared<const FloatHistogram>(std::move(result)));
  }
  void SetAbsent() const { v = Absent(); }
  bool RefuseFloats() const {
    if (!has_floats) return false;
    notes.MixedWithFloats();
    SetAbsent();
    return true;
  }
};

using WindowFunction = void (*)(const HistogramWindow& w);

// Whether the histogram at `i` does not continue the one before.
bool IsResetAt(const HistogramWindow& w, size_t i) {
  return w.At(i).IsResetFrom(w.At(i - 1)) || BeganAnew(w.samples, w.low + i);
}

// Warns of histograms that are gauges where they must not be; false when their schemas do not go
// together.
bool CheckInner(const HistogramWindow& w, bool custom) {
  for (size_t i = 1; i + 1 < w.size(); ++i) {
    if (w.At(i).hint == ResetHint::kGauge) w.notes.NotCounter();
    if (w.At(i).custom() != custom) return false;
  }
  return true;
}

// What the counter had counted before each of its resets inside the window.
void AddBackResets(const HistogramWindow& w, size_t first, HistogramSum& change) {
  for (size_t i = first; i < w.size(); ++i) {
    if (IsResetAt(w, i)) change.Add(w.At(i - 1));
  }
}

template <bool kCounter, bool kPerSecond>
void Rate(const HistogramWindow& w) {
  w.SetAbsent();
  std::optional<int64_t> zero_t;
  if (kCounter) zero_t = ZeroTime(w.samples, w.low, w.start);
  if (w.RefuseFloats() || (w.size() < 2 && !zero_t)) return;
  const FloatHistogram& first = w.At(0);
  const FloatHistogram& last = w.At(w.size() - 1);
  bool first_gauge = first.hint == ResetHint::kGauge;
  bool last_gauge = last.hint == ResetHint::kGauge;
  if (kCounter && (first_gauge || last_gauge)) w.notes.NotCounter();
  if (!kCounter && !(first_gauge && last_gauge)) w.notes.NotGauge();
  // What came before a reset does not matter, so its buckets need not fit.
  bool reset_at_once = kCounter && !zero_t && IsResetAt(w, 1);
  bool custom = reset_at_once ? w.At(1).custom() : first.custom();
  if (last.custom() != custom || (kCounter && !CheckInner(w, custom))) {
    w.notes.MixedSchemas();
    return;
  }
  HistogramSum change(last);
  if (!reset_at_once && !zero_t) change.Add(first, -1);
  if (kCounter) AddBackResets(w, reset_at_once ? 2 : 1, change);
  if (change.reconciled()) w.notes.Reconciled("subtraction");
  FloatHistogram result = change.Result();
  ObservedChange observed{w.start,    w.end,       w.samples.t[w.low], w.samples.t[w.high - 1],
                          w.size(),   first.count, result.count,       kCounter,
                          kPerSecond, zero_t};
  result.Scale(ExtrapolationFactor(observed));
  result.hint = ResetHint::kGauge;
  w.Set(std::move(result));
}

template <bool kCounter>
void Instant(const HistogramWindow& w) {
  if (w.size() < 2) return;
  size_t n = w.size();
  const FloatHistogram* previous = w.Find(n - 2);
  const FloatHistogram* last = w.Find(n - 1);
  if (previous == nullptr && last == nullptr) return;
  w.SetAbsent();
  if (previous == nullptr || last == nullptr) return w.notes.MixedWithFloats();
  bool previous_gauge = previous->hint == ResetHint::kGauge;
  bool last_gauge = last->hint == ResetHint::kGauge;
  if (kCounter && (previous_gauge || last_gauge)) w.notes.NotCounter();
  if (!kCounter && !(previous_gauge && last_gauge)) w.notes.NotGauge();
  HistogramSum change(*last);
  if (!kCounter || !IsResetAt(w, n - 1)) {
    if (!change.Add(*previous, -1)) return w.notes.MixedSchemas();
    if (change.reconciled()) w.notes.Reconciled("subtraction");
  }
  FloatHistogram result = change.Result();
  int64_t interval = w.samples.t[w.high - 1] - w.samples.t[w.high - 2];
  if (kCounter) result.Divide(static_cast<double>(interval) / 1000);
  result.hint = ResetHint::kGauge;
  w.Set(std::move(result));
}

template <typename Accumulator>
void Finish(const HistogramWindow& w, const Accumulator& sum) {
  if (sum.hints_conflict()) w.notes.ConflictingResets("aggregation");
  if (sum.reconciled()) w.notes.Reconciled("aggregation");
  w.Set(sum.Result());
}

void Sum(const HistogramWindow& w) {
  if (w.RefuseFloats()) return;
  w.SetAbsent();
  HistogramSum sum(w.At(0));
  for (size_t i = 1; i < w.size(); ++i) {
    if (!sum.Add(w.At(i))) return w.notes.MixedSchemas();
  }
  Finish(w, sum);
}

void Average(const HistogramWindow& w) {
  if (w.RefuseFloats()) return;
  w.SetAbsent();
  model::HistogramMean mean;
  for (size_t i = 0; i < w.size(); ++i) {
    if (!mean.Add(w.At(i))) return w.notes.MixedSchemas();
  }
  Finish(w, mean);
}

bool Differ(const HistogramWindow& w, size_t i) {
  const FloatHistogram* before = w.Find(i - 1);
  const FloatHistogram* now = w.Find(i);
  if ((before == nullptr) != (now == nullptr)) return true;
  if (now != nullptr) return !now->Equals(*before);
  double x = w.samples.v[w.low + i - 1];
  double y = w.samples.v[w.low + i];
  return x != y && !(std::isnan(x) && std::isnan(y));
}

bool IsReset(const HistogramWindow& w, size_t i) {
  const FloatHistogram* before = w.Find(i - 1);
  const FloatHistogram* now = w.Find(i);
  if ((before == nullptr) != (now == nullptr)) return true;
  if (now != nullptr) return IsResetAt(w, i);
  return w.samples.v[w.low + i] < w.samples.v[w.low + i - 1] || BeganAnew(w.samples, w.low + i);
}

template <bool (*Is)(const HistogramWindow&, size_t)>
void CountPairs(const HistogramWindow& w) {
  int n = 0;
  for (size_t i = 1; i < w.size(); ++i) n += Is(w, i) ? 1 : 0;
  w.v = n;
}

template <bool kLast>
void Pick(const HistogramWindow& w) {
  size_t i = kLast ? w.high - 1 : w.low;
  w.v = w.samples.v[i];
  w.histogram = w.samples.h[i];
}

// Float functions pass over histograms, and say so when there were floats too.
void NoteIgnored(const HistogramWindow& w) {
  if (w.has_floats) w.notes.IgnoredInMixedRange();
}

struct NamedFunction {
  std::string_view name;
  WindowFunction function;
};
constexpr NamedFunction kFunctions[] = {
    {"rate", Rate<true, true>},       {"increase", Rate<true, false>},
    {"delta", Rate<false, false>},    {"irate", Instant<true>},
    {"idelta", Instant<false>},       {"sum_over_time", Sum},
    {"avg_over_time", Average},       {"changes", CountPairs<Differ>},
    {"resets", CountPairs<IsReset>},  {"last_over_time", Pick<true>},
    {"first_over_time", Pick<false>},
};

// These ask when and how many samples there are, not which.
constexpr std::array<std::string_view, 4> kTypeless = {
    "count_over_time", "present_over_time", "ts_of_first_over_time", "ts_of_last_over_time"};

WindowFunction FindFunction(std::string_view name) {
  auto found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                            [name](const NamedFunction& f) { return f.name == name; });
  return found == std::end(kFunctions) ? NoteIgnored : found->function;
}

Columns FloatsOf(const Columns& samples) {
  Columns floats;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples.h[i] != nullptr) continue;
    floats.Append(samples.t[i], samples.v[i]);
    if (!samples.st.empty()) floats.SetStart(floats.size() - 1, samples.st[i]);
  }
  return floats;
}

}  // namespace

void RunOnHistograms(std::string_view function, RangeKernel kernel, const RangeInput& input,
                     const HistogramNotes& notes, double* out, HistogramPtr* histograms) {
  if (std::find(kTypeless.begin(), kTypeless.end(), function) != kTypeless.end())
    return kernel(input, out);
  Columns floats = FloatsOf(input.samples);
  kernel({floats, input.plan, input.args}, out);
  WindowFunction compute = FindFunction(function);
  const auto& [samples, plan, args] = input;
  size_t low = 0;
  size_t high = 0;
  for (size_t i = 0; i < plan.grid.count; ++i) {
    int64_t start = plan.Start(i);
    int64_t end = plan.End(i);
    while (high < samples.size() && samples.t[high] <= end) ++high;
    while (low < high && samples.t[low] <= start) ++low;
    auto first = samples.h.begin() + static_cast<std::ptrdiff_t>(low);
    auto count = std::count_if(first, first + static_cast<std::ptrdiff_t>(high - low),
                               [](const HistogramPtr& h) { return h != nullptr; });
    if (count == 0) continue;
    bool has_floats = static_cast<size_t>(count) < high - low;
    compute({samples, low, high, start, end, has_floats, notes, out[i], histograms[i]});
  }
}

void DetectResets(Columns& samples) {
  for (size_t i = samples.has_histograms() ? samples.size() : 0; i-- > 1;) {
    const FloatHistogram* h = samples.Histogram(i);
    const FloatHistogram* before = samples.Histogram(i - 1);
    if (h == nullptr || before == nullptr || h->hint != ResetHint::kUnknown) continue;
    auto hinted = std::make_shared<FloatHistogram>(*h);
    hinted->hint = h->IsResetFrom(*before) ? ResetHint::kReset : ResetHint::kNotReset;
    samples.h[i] = std::move(hinted);
  }
}

}  // namespace slurmscope::promql
