#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace slurmscope::promql {

// Time arithmetic that stops at the ends of int64 instead of wrapping.
inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}
inline int64_t SaturatingSub(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

// The evaluation times of an expression: start, start + step, ...; `count` >= 0 of them. An instant
// query has one.
struct StepGrid {
  int64_t start = 0;
  int64_t step = 1;
  size_t count = 1;

  int64_t At(size_t i) const {
    return static_cast<int64_t>(static_cast<uint64_t>(start) +
                                static_cast<uint64_t>(step) * static_cast<uint64_t>(i));
  }
  int64_t Last() const { return count == 0 ? start : At(count - 1); }

  // Of the times in [start, end]; step > 0.
  static StepGrid Between(int64_t start, int64_t end, int64_t step) {
    StepGrid grid{start, step, 0};
    if (end < start) return grid;
    uint64_t span = static_cast<uint64_t>(end) - static_cast<uint64_t>(start);
    uint64_t steps = span / static_cast<uint64_t>(step);
    grid.count = static_cast<size_t>(steps) + (steps < std::numeric_limits<size_t>::max() ? 1 : 0);
    return grid;
  }
};

}  // namespace slurmscope::promql
