#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace slurmscope::model {

// What a histogram says of its predecessor in the same series.
enum class ResetHint : uint8_t { kUnknown, kReset, kNotReset, kGauge };

// One bucket that is not empty: its index in the schema, and the observations in it.
struct HistogramBucket {
  int32_t index = 0;
  double count = 0;
  bool operator==(const HistogramBucket&) const = default;
};

// The bounds of a bucket and what they hold.
struct BucketRange {
  double lower = 0;
  double upper = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
  double count = 0;
};

// A native histogram as the query engine sees it (Prometheus' specification of native histograms).
// Buckets are sorted by index and sparse: what is absent holds nothing. With a standard schema s
// (-4 to 8) the positive bucket i covers (2^((i-1)/2^s), 2^(i/2^s)], the negative ones mirror them,
// and [-zero_threshold, zero_threshold] is the zero bucket. With kCustomSchema bucket i covers
// (custom_values[i-1], custom_values[i]], from -Inf to +Inf, and there are neither negative buckets
// nor a zero bucket. `count` may exceed the sum of the buckets (NaN was observed then) and any
// value may be negative or not whole (differences, rates). Const functions are thread-safe.
struct FloatHistogram {
  static constexpr int32_t kCustomSchema = -53;
  static constexpr int32_t kMinSchema = -4;
  static constexpr int32_t kMaxSchema = 8;

  int32_t schema = 0;
  ResetHint hint = ResetHint::kUnknown;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<HistogramBucket> positive;
  std::vector<HistogramBucket> negative;
  std::vector<double> custom_values;  // ascending upper bounds without +Inf

  bool custom() const { return schema == kCustomSchema; }

  // Times a number: a negative one makes a gauge. Division by zero leaves no buckets but the zero
  // bucket.
  void Scale(double factor);
  void Divide(double divisor);
  // Removes buckets that hold zero.
  void Compact();
  // Whether something was lost since `previous`: the hint when it tells, else a look at counts and
  // buckets. A change to a finer schema, a narrower zero bucket or between custom and standard
  // buckets counts as a reset.
  bool IsResetFrom(const FloatHistogram& previous) const;
  // Equal but for the hint; buckets that hold zero count as absent, NaN equals NaN by its bits.
  bool Equals(const FloatHistogram& other) const;

  // All buckets that are not empty, from the lowest to the highest.
  std::vector<BucketRange> Ranges() const;
  // {count:3, sum:4.5, [-2,-1):1, [-0.001,0.001]:1, (1,2]:1}
  std::string ToString() const;
  // How many floats it is as large as, for limits.
  int64_t Weight() const;
};

using HistogramPtr = std::shared_ptr<const FloatHistogram>;

// Upper bound of the positive bucket `index` of a standard schema.
double BucketBound(int32_t schema, int32_t index);
// The bucket of a coarser schema that holds bucket `index` of a finer one.
int32_t CoarserIndex(int32_t index, int32_t from_schema, int32_t to_schema);

}  // namespace slurmscope::model
