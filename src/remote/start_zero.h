#pragma once

#include <cstdint>

#include "model/appender.h"

namespace slurmscope::remote {

// Whether a zero belongs at `start`, when a counter began that has a sample at `t` (both ms; 0: not
// known): storage must have nothing of the series from then on.
inline bool StartsBefore(model::Appender& appender, const model::Labels& labels, int64_t start,
                         int64_t t) {
  return start > 0 && start < t &&
         appender.CheckInOrder(0, labels, start) == model::AppendStatus::kOk;
}

// One without observations, in the same layout.
template <typename Histogram>
Histogram EmptyLike(const Histogram& histogram) {
  Histogram empty;
  empty.schema = histogram.schema;
  empty.zero_threshold = histogram.zero_threshold;
  empty.custom_values = histogram.custom_values;
  return empty;
}

}  // namespace slurmscope::remote
