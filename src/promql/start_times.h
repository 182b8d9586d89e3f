#pragma once

#include <algorithm>
#include <optional>

#include "model/sample.h"

// What the start times of a counter's samples tell (model::Columns::st). A start time at or after
// its sample means nothing.
namespace slurmscope::promql {

// Whether the counter began anew between samples i - 1 and i. One that began exactly at the sample
// before is a delta, if that one too has a start; otherwise a counter whose start is not known.
inline bool BeganAnew(const model::Columns& samples, size_t i) {
  if (samples.st.empty()) return false;
  int64_t start = samples.st[i];
  int64_t before = samples.t[i - 1];
  if (start == 0 || start >= samples.t[i] || start < before) return false;
  return start > before || (samples.st[i - 1] != 0 && samples.st[i - 1] < before);
}

// When the counter was zero, if sample `first` tells so and it was inside (window_start, first].
inline std::optional<int64_t> ZeroTime(const model::Columns& samples, size_t first,
                                       int64_t window_start) {
  if (samples.st.empty()) return std::nullopt;
  int64_t start = samples.st[first];
  if (start == 0 || start >= samples.t[first] || start <= window_start) return std::nullopt;
  return start;
}

// Whether some sample claims to have begun before the one ahead of it, with another start.
inline bool StartsOverlap(const model::Columns& samples) {
  for (size_t i = 1; i < samples.st.size(); ++i) {
    int64_t start = samples.st[i];
    if (start != 0 && start < samples.t[i - 1] && start != samples.st[i - 1]) return true;
  }
  return false;
}

}  // namespace slurmscope::promql
