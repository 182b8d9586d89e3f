#include "promql/rate_kernel.h"

#include <algorithm>
#include <cstring>

#include "promql/range_window.h"
#include "promql/start_times.h"

namespace slurmscope::promql {

namespace {

enum class RateKind { kRate, kIncrease, kDelta };

using Two = double __attribute__((vector_size(16)));
constexpr size_t kAskedAtOnce = 16;

Two TwoAt(const double* v) {
  Two two;
  std::memcpy(&two, v, sizeof two);
  return two;
}

// Whether one of the values from `v` on is below the one before it. Two are compared by one
// instruction.
bool AnyFalls(const double* v) {
  auto falls = TwoAt(v) < TwoAt(v - 1);
  for (size_t i = 2; i < kAskedAtOnce; i += 2) falls |= TwoAt(v + i) < TwoAt(v + i - 1);
  return (falls[0] | falls[1]) != 0;
}

// Resets are rare: many samples are asked at once.
void FindResets(const model::Columns& samples, std::vector<size_t>& resets) {
  const model::Values& v = samples.v;
  bool look_at_all = !samples.st.empty();
  for (size_t i = 1; i < v.size();) {
    size_t end = std::min(i + kAskedAtOnce, v.size());
    bool look = look_at_all || end - i < kAskedAtOnce || AnyFalls(v.data() + i);
    for (; look && i < end; ++i) {
      if (v[i] < v[i - 1] || BeganAnew(samples, i)) resets.push_back(i);
    }
    i = end;
  }
}

// The resets of a series, asked for windows that only move on.
class ResetWalk {
 public:
  ResetWalk(const model::Values& v, const std::vector<size_t>& resets) : v_(v), resets_(resets) {}

  // What was lost behind the first sample of the window of samples [first, end).
  double LostIn(size_t first, size_t end, double change) {
    while (next_ < resets_.size() && resets_[next_] <= first) ++next_;
    for (size_t k = next_; k < resets_.size() && resets_[k] < end; ++k)
      change += v_[resets_[k] - 1];
    return change;
  }

 private:
  const model::Values& v_;
  const std::vector<size_t>& resets_;
  size_t next_ = 0;
};

// Windows of several steps, so that the divisions of two are one instruction. Does what
// ExtrapolationFactor does, operation by operation.
template <RateKind kKind>
class WindowBatch {
 public:
  WindowBatch(int64_t range_ms, double* out)
      : range_s_(static_cast<double>(range_ms) / 1000), out_(out) {}
  ~WindowBatch() { Flush(); }
  WindowBatch(const WindowBatch&) = delete;
  WindowBatch& operator=(const WindowBatch&) = delete;

  struct Item {
    int64_t to_start = 0;  // ms: from the start of the window to the first sample
    int64_t sampled = 0;   // between the first and the last one
    int64_t to_end = 0;
    size_t samples = 0;
    double first = 0;
    double change = 0;
  };
  void Add(size_t step, const Item& item) {
    steps_[count_] = step;
    to_start_[count_] = static_cast<double>(item.to_start);
    sampled_[count_] = static_cast<double>(item.sampled);
    to_end_[count_] = static_cast<double>(item.to_end);
    gaps_[count_] = static_cast<double>(item.samples - 1);
    first_[count_] = item.first;
    change_[count_] = item.change;
    if (++count_ == kSize) Flush();
  }

 private:
  static constexpr size_t kSize = 32;
  static Two At(const double* column, size_t i) { return TwoAt(column + i); }

  void Flush() {
    for (size_t i = 0; i < count_; i += 2) {
      const Two result = Extrapolated(i);
      out_[steps_[i]] = result[0];
      if (i + 1 < count_) out_[steps_[i + 1]] = result[1];
    }
    count_ = 0;
  }

  Two Extrapolated(size_t i) const {
    const Two change = At(change_, i);
    const Two sampled = At(sampled_, i) / 1000;
    const Two interval = sampled / At(gaps_, i);
    const Two threshold = interval * 1.1;
    const Two half = interval / 2;
    Two to_start = At(to_start_, i) / 1000;
    Two to_end = At(to_end_, i) / 1000;
    to_start = to_start >= threshold ? half : to_start;
    if constexpr (kKind != RateKind::kDelta) {
      const Two first = At(first_, i);
      const Two to_zero = sampled * (first / change);
      const auto nearer = (change > 0) & (first >= 0) & (to_zero < to_start);
      to_start = nearer ? to_zero : to_start;
    }
    to_end = to_end >= threshold ? half : to_end;
    Two factor = (sampled + to_start + to_end) / sampled;
    if constexpr (kKind == RateKind::kRate) factor /= range_s_;
    return change * factor;
  }

  const double range_s_;
  double* const out_;
  size_t count_ = 0;
  size_t steps_[kSize] = {};
  double to_start_[kSize] = {};
  double sampled_[kSize] = {};
  double to_end_[kSize] = {};
  double gaps_[kSize] = {};
  double first_[kSize] = {};
  double change_[kSize] = {};
};

// Whether there are windows enough, and all times are whole numbers as doubles, so that differences
// may be taken before.
bool FitsBatches(const RangeInput& input) {
  constexpr size_t kFewSteps = 8;
  if (input.plan.grid.count < kFewSteps) return false;
  constexpr int64_t kExact = int64_t{1} << 52;
  auto exact = [](int64_t t) { return t > -kExact && t < kExact; };
  const model::Times& t = input.samples.t;
  const WindowPlan& plan = input.plan;
  return exact(t.front()) && exact(t.back()) && exact(plan.Start(0)) &&
         exact(plan.End(plan.grid.count - 1)) && exact(plan.range_ms);
}

template <RateKind kKind>
void RunBatched(const RangeInput& input, const std::vector<size_t>& resets, double* out) {
  const auto& [samples, plan, args] = input;
  ResetWalk lost(samples.v, resets);
  WindowBatch<kKind> batch(plan.range_ms, out);
  size_t low = 0;
  size_t high = 0;
  size_t low_pace = 0;
  size_t high_pace = 0;
  const int64_t first_end = plan.End(0);
  for (size_t i = 0; i < plan.grid.count; ++i) {
    int64_t end = first_end + static_cast<int64_t>(i) * plan.grid.step;
    int64_t start = end - plan.range_ms;
    high = FirstAfter(samples.t, high, end, high_pace);
    low = std::min(FirstAfter(samples.t, low, start, low_pace), high);
    if (high - low < 2) continue;
    int64_t first_t = samples.t[low];
    int64_t last_t = samples.t[high - 1];
    double change = samples.v[high - 1] - samples.v[low];
    if constexpr (kKind != RateKind::kDelta) change = lost.LostIn(low, high, change);
    batch.Add(
        i, {first_t - start, last_t - first_t, end - last_t, high - low, samples.v[low], change});
  }
}

template <RateKind kKind>
double Extrapolate(const Window& w, double change, std::optional<int64_t> zero_t) {
  ObservedChange observed{w.start,
                          w.end,
                          w.t.front(),
                          w.t.back(),
                          w.size(),
                          w.v.front(),
                          change,
                          kKind != RateKind::kDelta,
                          kKind == RateKind::kRate,
                          zero_t};
  return change * ExtrapolationFactor(observed);
}

// Counter resets are found once for the series; each window then walks only those inside it.
template <RateKind kKind>
void Run(const RangeInput& input, double* out) {
  if (input.samples.size() == 0) return;
  thread_local std::vector<size_t> resets;
  resets.clear();
  if constexpr (kKind != RateKind::kDelta) FindResets(input.samples, resets);
  if (input.samples.st.empty() && !input.plan.shift.fixed && FitsBatches(input))
    return RunBatched<kKind>(input, resets, out);
  ResetWalk lost(input.samples.v, resets);
  ForEachWindow(input, false, out, [&](const Window& w) {
    std::optional<int64_t> zero_t;
    if constexpr (kKind != RateKind::kDelta) zero_t = ZeroTime(input.samples, w.first, w.start);
    if (w.size() < 2 && !zero_t) return Absent();
    double change = w.v.back() - (zero_t ? 0 : w.v.front());
    return Extrapolate<kKind>(w, lost.LostIn(w.first, w.first + w.size(), change), zero_t);
  });
}

}  // namespace

void RateKernel(const RangeInput& input, double* out) { Run<RateKind::kRate>(input, out); }
void IncreaseKernel(const RangeInput& input, double* out) { Run<RateKind::kIncrease>(input, out); }
void DeltaKernel(const RangeInput& input, double* out) { Run<RateKind::kDelta>(input, out); }

}  // namespace slurmscope::promql
