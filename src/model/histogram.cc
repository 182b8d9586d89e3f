#include "model/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/float_text.h"
#include "base/strings.h"
#include "model/histogram_layout.h"

namespace slurmscope::model {

namespace {

using Buckets = std::vector<HistogramBucket>;

// Some bucket of `previous` holds more than the same bucket of `current`.
bool LostObservations(const Buckets& current, const Buckets& previous) {
  auto at = current.begin();
  for (const HistogramBucket& before : previous) {
    while (at != current.end() && at->index < before.index) ++at;
    double now = at != current.end() && at->index == before.index ? at->count : 0;
    if (now < before.count) return true;
  }
  return false;
}

bool LostCustom(const FloatHistogram& current, const FloatHistogram& previous) {
  if (current.custom_values == previous.custom_values)
    return LostObservations(current.positive, previous.positive);
  auto common = CommonBounds(current.custom_values, previous.custom_values);
  Buckets now = current.positive;
  Buckets before = previous.positive;
  ToFewerBounds(now, current.custom_values, common);
  ToFewerBounds(before, previous.custom_values, common);
  return LostObservations(now, before);
}

bool SameNumber(double a, double b) {
  return a == b || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool SameBuckets(const Buckets& a, const Buckets& b) {
  auto skip = [](auto& at, auto end) {
    while (at != end && at->count == 0) ++at;
  };
  auto x = a.begin();
  auto y = b.begin();
  for (skip(x, a.end()), skip(y, b.end()); x != a.end() && y != b.end();
       skip(++x, a.end()), skip(++y, b.end())) {
    if (x->index != y->index || !SameNumber(x->count, y->count)) return false;
  }
  return x == a.end() && y == b.end();
}

BucketRange CustomRange(const FloatHistogram& h, const HistogramBucket& bucket) {
  auto i = static_cast<size_t>(bucket.index);
  BucketRange range;
  range.lower = i == 0 ? -INFINITY : h.custom_values[i - 1];
  range.upper = i < h.custom_values.size() ? h.custom_values[i] : INFINITY;
  range.lower_inclusive = i == 0;
  range.count = bucket.count;
  return range;
}

void AppendText(std::string& out, double v) {
  base::AppendFloat(out, v, base::FloatStyle::kExposition);
}

}  // namespace

double BucketBound(int32_t schema, int32_t index) {
  constexpr double kMax = std::numeric_limits<double>::max();
  if (schema <= 0) {
    // One bucket ends at 2^1024, which no double is: the largest one stands for it.
    int64_t exponent = static_cast<int64_t>(index) << -schema;
    if (exponent == 1024) return kMax;
    return std::ldexp(1.0, static_cast<int>(std::clamp<int64_t>(exponent, -2000, 2000)));
  }
  int32_t parts = 1 << schema;
  int32_t exponent = index >> schema;
  int32_t part = index & (parts - 1);
  if (exponent == 1024 && part == 0) return kMax;
  return std::ldexp(std::exp2(static_cast<double>(part) / parts), exponent);
}

int32_t CoarserIndex(int32_t index, int32_t from_schema, int32_t to_schema) {
  return static_cast<int32_t>(((static_cast<int64_t>(index) - 1) >> (from_schema - to_schema)) + 1);
}

void FloatHistogram::Scale(double factor) {
  zero_count *= factor;
  count *= factor;
  sum *= factor;
  for (HistogramBucket& bucket : positive) bucket.count *= factor;
  for (HistogramBucket& bucket : negative) bucket.count *= factor;
  if (factor < 0) hint = ResetHint::kGauge;
}

void FloatHistogram::Divide(double divisor) {
  zero_count /= divisor;
  count /= divisor;
  sum /= divisor;
  if (divisor == 0) {
    positive.clear();
    negative.clear();
  }
  for (HistogramBucket& bucket : positive) bucket.count /= divisor;
  for (HistogramBucket& bucket : negative) bucket.count /= divisor;
  if (divisor < 0) hint = ResetHint::kGauge;
}

void FloatHistogram::Compact() {
  std::erase_if(positive, [](const HistogramBucket& bucket) { return bucket.count == 0; });
  std::erase_if(negative, [](const HistogramBucket& bucket) { return bucket.count == 0; });
}

bool FloatHistogram::IsResetFrom(const FloatHistogram& previous) const {
  if (hint == ResetHint::kReset) return true;
  if (hint == ResetHint::kNotReset) return false;
  if (count < previous.count || custom() != previous.custom()) return true;
  if (custom()) return LostCustom(*this, previous);
  if (schema > previous.schema || zero_threshold < previous.zero_threshold) return true;
  FloatHistogram before = previous;
  WidenZero(before.positive, before.negative, before.schema, before.zero_threshold,
            before.zero_count, zero_threshold);
  // The wider zero bucket would cut a bucket that held something.
  if (before.zero_threshold != zero_threshold || zero_count < before.zero_count) return true;
  ToCoarserSchema(before.positive, before.schema, schema);
  ToCoarserSchema(before.negative, before.schema, schema);
  return LostObservations(positive, before.positive) || LostObservations(negative, before.negative);
}

bool FloatHistogram::Equals(const FloatHistogram& other) const {
  return schema == other.schema && SameNumber(zero_threshold, other.zero_threshold) &&
         SameNumber(zero_count, other.zero_count) && SameNumber(count, other.count) &&
         SameNumber(sum, other.sum) && (!custom() || custom_values == other.custom_values) &&
         SameBuckets(positive, other.positive) && SameBuckets(negative, other.negative);
}

std::vector<BucketRange> FloatHistogram::Ranges() const {
  std::vector<BucketRange> ranges;
  ranges.reserve(positive.size() + negative.size() + 1);
  if (custom()) {
    for (const HistogramBucket& bucket : positive) {
      if (bucket.count != 0) ranges.push_back(CustomRange(*this, bucket));
    }
    return ranges;
  }
  for (auto bucket = negative.rbegin(); bucket != negative.rend(); ++bucket) {
    if (bucket->count == 0) continue;
    ranges.push_back({-BucketBound(schema, bucket->index), -BucketBound(schema, bucket->index - 1),
                      true, false, bucket->count});
  }
  if (zero_count != 0) ranges.push_back({-zero_threshold, zero_threshold, true, true, zero_count});
  for (const HistogramBucket& bucket : positive) {
    if (bucket.count == 0) continue;
    ranges.push_back({BucketBound(schema, bucket.index - 1), BucketBound(schema, bucket.index),
                      false, true, bucket.count});
  }
  return ranges;
}

std::string FloatHistogram::ToString() const {
  std::string out = "{count:";
  AppendText(out, count);
  out += ", sum:";
  AppendText(out, sum);
  for (const BucketRange& range : Ranges()) {
    out += range.lower_inclusive ? ", [" : ", (";
    AppendText(out, range.lower);
    out += ',';
    AppendText(out, range.upper);
    out += range.upper_inclusive ? "]:" : "):";
    AppendText(out, range.count);
  }
  out += '}';
  return out;
}

int64_t FloatHistogram::Weight() const {
  size_t bytes = sizeof(*this) + (positive.size() + negative.size()) * sizeof(HistogramBucket) +
                 custom_values.size() * sizeof(double);
  return static_cast<int64_t>(bytes / 16);
}

}  // namespace slurmscope::model
