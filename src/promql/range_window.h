#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "promql/range_kernels.h"

namespace slurmscope::promql {

// The samples one step of a range function sees, and where they lie.
struct Window {
  std::span<const int64_t> t;
  std::span<const double> v;
  int64_t start = 0;  // exclusive
  int64_t end = 0;    // inclusive
  size_t first = 0;   // index of v[0] in the series
  size_t step = 0;
  const model::Columns* samples = nullptr;  // of the whole series

  size_t size() const { return v.size(); }
};

// A change seen between the first and the last sample of a window.
struct ObservedChange {
  int64_t start = 0;  // of the window
  int64_t end = 0;
  int64_t first_t = 0;  // of the samples
  int64_t last_t = 0;
  size_t samples = 0;
  double first = 0;
  double change = 0;
  bool counter = false;
  bool per_second = false;
  std::optional<int64_t> zero_t = {};  // when the counter was zero, inside the window
};

// As doubles, since the ends of int64 may be among them.
inline double SecondsBetween(int64_t from, int64_t to) {
  return (static_cast<double>(to) - static_cast<double>(from)) / 1000;
}

// What stretches a change to the window's edges: as far as half a sample interval beyond the
// samples, all the way when the edge is near, and for counters never to before the point where they
// would have been zero. Where that point is known, it is the first sample and nothing is before it.
inline double ExtrapolationFactor(const ObservedChange& c) {
  double sampled = SecondsBetween(c.first_t, c.last_t);
  double interval = sampled / static_cast<double>(c.samples - 1);
  double threshold = interval * 1.1;
  double to_start = SecondsBetween(c.start, c.first_t);
  double to_end = c.samples > 1 ? SecondsBetween(c.last_t, c.end) : 0;
  if (to_start >= threshold) to_start = interval / 2;
  if (c.zero_t) {
    sampled = SecondsBetween(*c.zero_t, c.last_t);
    to_start = 0;
  } else if (c.counter && c.change > 0 && c.first >= 0) {
    to_start = std::min(to_start, sampled * (c.first / c.change));
  }
  if (to_end >= threshold) to_end = interval / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (c.per_second) factor /= SecondsBetween(c.start, c.end);
  return factor;
}

// The first sample at or after `from` that is later than `bound`. Where samples come at an even
// pace, as many steps on as last time is the place or next to it.
inline size_t FirstAfter(const model::Times& t, size_t from, int64_t bound, size_t& pace) {
  size_t at = std::min(from + pace, t.size());
  while (at < t.size() && t[at] <= bound) ++at;
  while (at > from && t[at - 1] > bound) --at;
  pace = at - from;
  return at;
}

// fn(window) -> value at each step whose window is not empty. Two indices move along the samples;
// with `@` all steps see one window and, unless `by_step`, share one result.
template <typename Fn>
void ForEachWindow(const RangeInput& input, bool by_step, double* out, Fn fn) {
  const auto& [samples, plan, args] = input;
  size_t low = 0;
  size_t high = 0;
  size_t low_pace = 0;
  size_t high_pace = 0;
  for (size_t i = 0; i < plan.grid.count; ++i) {
    if (plan.shift.fixed && !by_step && i > 0) {
      out[i] = out[0];
      continue;
    }
    int64_t start = plan.Start(i);
    int64_t end = plan.End(i);
    high = FirstAfter(samples.t, high, end, high_pace);
    low = std::min(FirstAfter(samples.t, low, start, low_pace), high);
    if (low == high) continue;
    size_t n = high - low;
    out[i] = fn(Window{
        {samples.t.data() + low, n}, {samples.v.data() + low, n}, start, end, low, i, &samples});
  }
}

// Turns a function of one window into a kernel.
template <double (*Fn)(const Window&)>
void PerWindow(const RangeInput& input, double* out) {
  ForEachWindow(input, false, out, [](const Window& window) { return Fn(window); });
}

}  // namespace slurmscope::promql
