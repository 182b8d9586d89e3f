#include <algorithm>
#include <array>

#include "promql/range_kernels.h"

// `anchored` and `smoothed` range vectors: the change between the window's own edges, not an
// extrapolation from the samples inside. Anchored takes for the left edge the last sample before
// it, smoothed draws a line through the neighbours of each edge; both look as far as the lookback.

namespace slurmscope::promql {

namespace {

enum class ChangeKind { kRate, kIncrease, kDelta, kChanges, kResets };

struct NamedKind {
  std::string_view name;
  ChangeKind kind;
};
constexpr std::array<NamedKind, 5> kKinds = {{{"rate", ChangeKind::kRate},
                                              {"increase", ChangeKind::kIncrease},
                                              {"delta", ChangeKind::kDelta},
                                              {"changes", ChangeKind::kChanges},
                                              {"resets", ChangeKind::kResets}}};

bool IsCounter(ChangeKind kind) {
  return kind == ChangeKind::kRate || kind == ChangeKind::kIncrease;
}

// Follows values in order and gathers what the function asks for.
class Walker {
 public:
  Walker(ChangeKind kind, double first) : kind_(kind), first_(first), last_(first) {}

  void Next(double v) {
    if (v < last_ && IsCounter(kind_)) correction_ += last_;
    if (v < last_) ++resets_;
    if (v != last_ && !(v != v && last_ != last_)) ++changes_;
    last_ = v;
  }
  double Result(int64_t range_ms) const {
    switch (kind_) {
      case ChangeKind::kChanges:
        return changes_;
      case ChangeKind::kResets:
        return resets_;
      case ChangeKind::kRate:
        return (last_ - first_ + correction_) / (static_cast<double>(range_ms) / 1000);
      default:
        return last_ - first_ + correction_;
    }
  }

 private:
  ChangeKind kind_;
  double first_;
  double last_;
  double correction_ = 0;
  double changes_ = 0;
  double resets_ = 0;
};

// The samples around one window: [low, high) lie inside.
struct Bounds {
  size_t low = 0;
  size_t high = 0;
  int64_t start = 0;
  int64_t end = 0;
  bool before = false;  // low - 1 is near enough to the start
  bool after = false;   // high is near enough to the end
};

double Anchored(const RangeInput& input, const Bounds& b, ChangeKind kind) {
  if (b.low == b.high) return Absent();
  const model::Values& v = input.samples.v;
  size_t first = b.before ? b.low - 1 : b.low;
  Walker walker(kind, v[first]);
  for (size_t i = first + 1; i < b.high; ++i) walker.Next(v[i]);
  return walker.Result(input.plan.range_ms);
}

// Counters that fell between two samples are taken to have started again from zero.
double LineAt(const RangeInput& input, size_t left, int64_t t, bool counter) {
  const model::Times& times = input.samples.t;
  const model::Values& values = input.samples.v;
  double from = values[left];
  double to = values[left + 1];
  if (times[left] == t) return from;
  if (counter && to < from) from = 0;
  double part = (static_cast<double>(t) - static_cast<double>(times[left])) /
                (static_cast<double>(times[left + 1]) - static_cast<double>(times[left]));
  return from + (to - from) * part;
}

double Smoothed(const RangeInput& input, const Bounds& b, ChangeKind kind) {
  bool inside = b.low < b.high;
  if (!inside && !(b.before && b.after)) return Absent();
  const model::Values& v = input.samples.v;
  bool counter = IsCounter(kind);
  Walker walker(kind, b.before ? LineAt(input, b.low - 1, b.start, counter) : v[b.low]);
  for (size_t i = b.low; i < b.high; ++i) walker.Next(v[i]);
  bool exact = inside && input.samples.t[b.high - 1] == b.end;
  if (b.after && !exact && b.high > 0) walker.Next(LineAt(input, b.high - 1, b.end, counter));
  return walker.Result(input.plan.range_ms);
}

template <ChangeKind kKind, bool kSmoothed>
void ExtendedKernel(const RangeInput& input, double* out) {
  const auto& [samples, plan, args] = input;
  Bounds b;
  for (size_t i = 0; i < plan.grid.count; ++i) {
    b.start = plan.Start(i);
    b.end = plan.End(i);
    while (b.high < samples.size() && samples.t[b.high] <= b.end) ++b.high;
    while (b.low < b.high && samples.t[b.low] <= b.start) ++b.low;
    b.before = b.low > 0 && samples.t[b.low - 1] > SaturatingSub(b.start, plan.lookback_ms);
    b.after =
        b.high < samples.size() && samples.t[b.high] <= SaturatingAdd(b.end, plan.lookback_ms);
    out[i] = kSmoothed ? Smoothed(input, b, kKind) : Anchored(input, b, kKind);
  }
}

template <bool kSmoothed>
RangeKernel KernelOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kRate:
      return ExtendedKernel<ChangeKind::kRate, kSmoothed>;
    case ChangeKind::kIncrease:
      return ExtendedKernel<ChangeKind::kIncrease, kSmoothed>;
    case ChangeKind::kDelta:
      return ExtendedKernel<ChangeKind::kDelta, kSmoothed>;
    case ChangeKind::kChanges:
      return kSmoothed ? nullptr : ExtendedKernel<ChangeKind::kChanges, false>;
    case ChangeKind::kResets:
      return kSmoothed ? nullptr : ExtendedKernel<ChangeKind::kResets, false>;
  }
  return nullptr;
}

}  // namespace

RangeKernel FindExtendedKernel(std::string_view name, RangeMode mode) {
  auto found = std::find_if(kKinds.begin(), kKinds.end(),
                            [name](const NamedKind& k) { return k.name == name; });
  if (found == kKinds.end()) return nullptr;
  return mode == RangeMode::kSmoothed ? KernelOf<true>(found->kind) : KernelOf<false>(found->kind);
}

}  // namespace slurmscope::promql
