#include "promql/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slurmscope::promql {

namespace {

// Differences this small come from float arithmetic, not from lost observations.
constexpr double kSmallDelta = 1e-12;

bool NearlyEqual(double a, double b) {
  double sum = std::fabs(a) + std::fabs(b);
  double difference = std::fabs(a - b);
  double normal = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < normal) return difference < kSmallDelta * normal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kSmallDelta;
}

void MergeEqualBounds(std::vector<Bucket>& buckets) {
  size_t last = 0;
  for (size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[last].upper) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

bool ForceMonotonic(std::vector<Bucket>& buckets) {
  bool forced = false;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double previous = buckets[i - 1].count;
    double& count = buckets[i].count;
    if (count == previous) continue;
    if (NearlyEqual(count, previous)) {
      count = previous;
    } else if (count < previous) {
      count = previous;
      forced = true;
    }
  }
  return forced;
}

bool Usable(std::vector<Bucket>& buckets) {
  if (buckets.empty() || buckets.back().upper != INFINITY) return false;
  MergeEqualBounds(buckets);
  return true;
}

double QuantileAt(double q, const std::vector<Bucket>& buckets) {
  double rank = q * buckets.back().count;
  auto found =
      std::partition_point(buckets.begin(), buckets.end() - 1,
                           [rank](const Bucket& bucket) { return !(bucket.count >= rank); });
  if (found == buckets.end() - 1) return std::prev(found)->upper;
  double start = 0;
  double count = found->count;
  if (found == buckets.begin()) {
    if (found->upper <= 0) return found->upper;
  } else {
    start = std::prev(found)->upper;
    count -= std::prev(found)->count;
    rank -= std::prev(found)->count;
  }
  return start + (found->upper - start) * (rank / count);
}

// Observations <= v.
double RankOf(double v, const std::vector<Bucket>& buckets) {
  double below = 0;
  double start = buckets.front().upper > 0 ? 0 : -INFINITY;
  for (const Bucket& bucket : buckets) {
    if (start >= v) return below;
    if (bucket.upper > v) {
      if (std::isinf(start)) return bucket.count;
      return below + (bucket.count - below) * (v - start) / (bucket.upper - start);
    }
    below = bucket.count;
    start = bucket.upper;
  }
  return below;
}

}  // namespace

BucketResult BucketQuantile(double q, std::vector<Bucket>& buckets) {
  if (std::isnan(q)) return {NAN};
  if (q < 0) return {-INFINITY};
  if (q > 1) return {INFINITY};
  if (!Usable(buckets) || buckets.size() < 2) return {NAN};
  bool forced = ForceMonotonic(buckets);
  if (buckets.back().count == 0 || std::isnan(buckets.back().count)) return {NAN, forced};
  return {QuantileAt(q, buckets), forced};
}

double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (!Usable(buckets)) return NAN;
  ForceMonotonic(buckets);
  double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return NAN;
  if (lower >= upper) return 0;
  return (std::min(RankOf(upper, buckets), count) - std::min(RankOf(lower, buckets), count)) /
         count;
}

}  // namespace slurmscope::promql
