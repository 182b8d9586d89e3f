#include "model/int_histogram.h"

#include <bit>
#include <cmath>

#include "base/strings.h"

namespace slurmscope::model {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

// Neither the storage nor a query could bear more.
constexpr size_t kMaxBuckets = 1 << 16;

template <typename Bucket>
bool SameBuckets(const std::vector<Bucket>& a, const std::vector<Bucket>& b) {
  size_t i = 0;
  size_t k = 0;
  while (true) {
    while (i < a.size() && a[i].count == 0) ++i;
    while (k < b.size() && b[k].count == 0) ++k;
    if (i == a.size() || k == b.size()) return i == a.size() && k == b.size();
    if (!(a[i++] == b[k++])) return false;
  }
}

std::vector<HistogramBucket> ToFloats(const std::vector<IntHistogramBucket>& buckets) {
  std::vector<HistogramBucket> floats;
  floats.reserve(buckets.size());
  for (const IntHistogramBucket& bucket : buckets) {
    if (bucket.count != 0) floats.push_back({bucket.index, static_cast<double>(bucket.count)});
  }
  return floats;
}

Result<void> Invalid(std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument, StrCat("histogram: ", what));
}

template <typename Bucket>
Result<void> ValidateBuckets(const std::vector<Bucket>& buckets, std::string_view side) {
  if (buckets.size() > kMaxBuckets) return Invalid(StrCat("over ", kMaxBuckets, " buckets"));
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (i > 0 && buckets[i].index <= buckets[i - 1].index) {
      return Invalid(StrCat(side, " buckets are not sorted by index"));
    }
    if (buckets[i].count < 0) {
      return Invalid(StrCat(side, " bucket ", buckets[i].index, " has a negative count"));
    }
  }
  return {};
}

template <typename Histogram>
Result<void> ValidateCustom(const Histogram& h) {
  for (size_t i = 0; i < h.custom_values.size(); ++i) {
    double bound = h.custom_values[i];
    if (!std::isfinite(bound)) return Invalid("custom bounds must be finite");
    if (i > 0 && !(bound > h.custom_values[i - 1])) return Invalid("custom bounds do not ascend");
  }
  if (h.zero_count != 0 || h.zero_threshold != 0) {
    return Invalid("custom buckets have no zero bucket");
  }
  if (!h.negative.empty()) return Invalid("custom buckets have no negative side");
  if (h.positive.empty()) return {};
  bool inside = h.positive.front().index >= 0 &&
                static_cast<size_t>(h.positive.back().index) <= h.custom_values.size();
  return inside ? Result<void>() : Invalid("a bucket lies outside the custom bounds");
}

// What both kinds have in common.
template <typename Histogram>
Result<void> ValidateShape(const Histogram& h) {
  TRY(ValidateBuckets(h.positive, "positive"));
  TRY(ValidateBuckets(h.negative, "negative"));
  if (std::isnan(h.zero_threshold)) return Invalid("the zero threshold is no number");
  if (h.custom()) return ValidateCustom(h);
  if (h.schema < FloatHistogram::kMinSchema || h.schema > FloatHistogram::kMaxSchema) {
    return Invalid(StrCat("schema ", h.schema, " is unknown"));
  }
  if (!h.custom_values.empty()) return Invalid("custom bounds need schema -53");
  return {};
}

}  // namespace

FloatHistogram IntHistogram::ToFloat() const {
  FloatHistogram h;
  h.schema = schema;
  h.hint = hint;
  h.zero_threshold = zero_threshold;
  h.zero_count = static_cast<double>(zero_count);
  h.count = static_cast<double>(count);
  h.sum = sum;
  h.positive = ToFloats(positive);
  h.negative = ToFloats(negative);
  h.custom_values = custom_values;
  return h;
}

bool IntHistogram::Equals(const IntHistogram& other) const {
  return schema == other.schema && zero_threshold == other.zero_threshold &&
         zero_count == other.zero_count && count == other.count &&
         std::bit_cast<uint64_t>(sum) == std::bit_cast<uint64_t>(other.sum) &&
         SameBuckets(positive, other.positive) && SameBuckets(negative, other.negative) &&
         custom_values == other.custom_values;
}

Result<void> Validate(const IntHistogram& h) {
  TRY(ValidateShape(h));
  uint64_t total = h.zero_count;
  for (const IntHistogramBucket& bucket : h.positive) total += static_cast<uint64_t>(bucket.count);
  for (const IntHistogramBucket& bucket : h.negative) total += static_cast<uint64_t>(bucket.count);
  // A NaN that was observed is in the count only.
  bool agrees = std::isnan(h.sum) ? total <= h.count : total == h.count;
  if (agrees) return {};
  return Invalid(StrCat(total, " observations in buckets, but a count of ", h.count));
}

Result<void> Validate(const FloatHistogram& h) {
  TRY(ValidateShape(h));
  if (h.zero_count < 0) return Invalid("the zero bucket has a negative count");
  return h.count < 0 ? Invalid("negative count of observations") : Result<void>();
}

}  // namespace slurmscope::model
