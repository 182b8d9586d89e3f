#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/histogram.h"

namespace slurmscope::model {

// One bucket of an IntHistogram: its index in the schema, and the observations in it.
struct IntHistogramBucket {
  int32_t index = 0;
  int64_t count = 0;
  bool operator==(const IntHistogramBucket&) const = default;
};

// A native histogram with whole counts, as programs expose it and storage keeps it. Like
// FloatHistogram otherwise; buckets that hold zero may be there.
struct IntHistogram {
  int32_t schema = 0;
  ResetHint hint = ResetHint::kUnknown;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  uint64_t count = 0;
  double sum = 0;
  std::vector<IntHistogramBucket> positive;
  std::vector<IntHistogramBucket> negative;
  std::vector<double> custom_values;

  bool custom() const { return schema == FloatHistogram::kCustomSchema; }
  // Without the buckets that hold zero.
  FloatHistogram ToFloat() const;
  // Equal but for the hint; buckets that hold zero count as absent, the sum equals by its bits.
  bool Equals(const IntHistogram& other) const;
};

// Whether storage may take the histogram, by the rules of Prometheus: a known schema, buckets
// sorted by index and not negative, counts that agree with each other (of floats only the signs are
// looked at), custom bounds that ascend. The error says what is wrong.
base::Result<void> Validate(const IntHistogram& histogram);
base::Result<void> Validate(const FloatHistogram& histogram);

}  // namespace slurmscope::model
