#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "model/histogram.h"

// How the buckets of one layout are brought into another. Templates, since counts are doubles or
// compensated sums.
namespace slurmscope::model {

inline void AddTo(double& to, double from) { to += from; }
inline void AddTo(int64_t& to, int64_t from) { to += from; }
inline bool IsZero(double count) { return count == 0; }

// Adds neighbours of equal index together; `buckets` are sorted by index.
template <typename Bucket>
void MergeEqualIndexes(std::vector<Bucket>& buckets) {
  size_t kept = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (kept > 0 && buckets[kept - 1].index == buckets[i].index) {
      AddTo(buckets[kept - 1].count, buckets[i].count);
    } else {
      buckets[kept++] = buckets[i];
    }
  }
  buckets.resize(kept);
}

template <typename Bucket>
void ToCoarserSchema(std::vector<Bucket>& buckets, int32_t from, int32_t to) {
  if (from == to) return;
  for (Bucket& bucket : buckets) bucket.index = CoarserIndex(bucket.index, from, to);
  MergeEqualIndexes(buckets);
}

// Moves what lies below `threshold` to `zero`. The threshold grows to the end of a bucket it cuts;
// true then.
template <typename Bucket, typename Count>
bool AbsorbIntoZero(std::vector<Bucket>& buckets, int32_t schema, double& threshold, Count& zero) {
  bool grown = false;
  size_t taken = 0;
  for (; taken < buckets.size(); ++taken) {
    const Bucket& bucket = buckets[taken];
    if (BucketBound(schema, bucket.index - 1) >= threshold) break;
    if (IsZero(bucket.count)) continue;
    AddTo(zero, bucket.count);
    double upper = BucketBound(schema, bucket.index);
    if (upper > threshold) {
      threshold = upper;
      grown = true;
    }
  }
  buckets.erase(buckets.begin(), buckets.begin() + static_cast<std::ptrdiff_t>(taken));
  return grown;
}

// Widens the zero bucket to at least `threshold`.
template <typename Bucket, typename Count>
void WidenZero(std::vector<Bucket>& positive, std::vector<Bucket>& negative, int32_t schema,
               double& zero_threshold, Count& zero, double threshold) {
  if (threshold <= zero_threshold) return;
  zero_threshold = threshold;
  bool grown = true;
  while (grown) {
    grown = AbsorbIntoZero(positive, schema, zero_threshold, zero);
    grown = AbsorbIntoZero(negative, schema, zero_threshold, zero) || grown;
  }
}

// From bounds `from` to bounds `to`, which are among them.
template <typename Bucket>
void ToFewerBounds(std::vector<Bucket>& buckets, const std::vector<double>& from,
                   const std::vector<double>& to) {
  for (Bucket& bucket : buckets) {
    auto i = static_cast<size_t>(bucket.index);
    auto at = i < from.size() ? std::lower_bound(to.begin(), to.end(), from[i]) : to.end();
    bucket.index = static_cast<int32_t>(at - to.begin());
  }
  MergeEqualIndexes(buckets);
}

inline std::vector<double> CommonBounds(const std::vector<double>& a,
                                        const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

}  // namespace slurmscope::model
