#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

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

  size_t size() const { return v.size(); }
};

// fn(window) -> value at each step whose window is not empty. Two indices move along the samples;
// with `@` all steps see one window and, unless `by_step`, share one result.
template <typename Fn>
void ForEachWindow(const RangeInput& input, bool by_step, double* out, Fn fn) {
  const auto& [samples, plan, args] = input;
  size_t low = 0;
  size_t high = 0;
  for (size_t i = 0; i < plan.grid.count; ++i) {
    if (plan.shift.fixed && !by_step && i > 0) {
      out[i] = out[0];
      continue;
    }
    int64_t start = plan.Start(i);
    int64_t end = plan.End(i);
    while (high < samples.size() && samples.t[high] <= end) ++high;
    while (low < high && samples.t[low] <= start) ++low;
    if (low == high) continue;
    size_t n = high - low;
    out[i] =
        fn(Window{{samples.t.data() + low, n}, {samples.v.data() + low, n}, start, end, low, i});
  }
}

// Turns a function of one window into a kernel.
template <double (*Fn)(const Window&)>
void PerWindow(const RangeInput& input, double* out) {
  ForEachWindow(input, false, out, [](const Window& window) { return Fn(window); });
}

}  // namespace slurmscope::promql
