#pragma once

#include <vector>

namespace slurmscope::promql {

// One bucket of a classic histogram: observations <= upper.
struct Bucket {
  double upper = 0;
  double count = 0;  // cumulative
};

struct BucketResult {
  double value = 0;
  bool forced_monotonic = false;  // counts that fell were raised to their predecessor
};

// `buckets` are sorted by upper bound and may be changed. NaN when they do not reach +Inf, are
// fewer than two or hold nothing. Within a bucket observations are taken as evenly spread, in the
// lowest one from 0 when its bound is > 0.
BucketResult BucketQuantile(double q, std::vector<Bucket>& buckets);

// The part of the observations between `lower` and `upper`; one bucket is enough.
double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets);

}  // namespace slurmscope::promql
