#pragma once

#include "model/histogram.h"

namespace slurmscope::model {

struct QuantileResult {
  double value = 0;
  bool nan_observed = false;  // NaN was observed: the value is NaN itself, or too high
};

// The q-quantile, as histogram_quantile() has it: exponential interpolation in buckets of a
// standard schema, linear in custom ones and the zero bucket. NaN when nothing was observed.
QuantileResult HistogramQuantile(double q, const FloatHistogram& h);

// The part of the observations between `lower` and `upper`, interpolated likewise.
double HistogramFraction(double lower, double upper, const FloatHistogram& h);

// Variance of the observations, each taken as the middle of its bucket.
double HistogramVariance(const FloatHistogram& h);

// The observations <= limit, or those >= limit, with a new estimate of their sum if any were cut
// off.
enum class TrimSide { kUpper, kLower };
FloatHistogram Trimmed(const FloatHistogram& h, TrimSide cut, double limit);

// The ranges where observations are thought to lie: the zero bucket has no side where there are no
// other buckets, the first custom bucket begins at zero when it ends above it.
std::vector<BucketRange> LikelyRanges(const FloatHistogram& h);

}  // namespace slurmscope::model
