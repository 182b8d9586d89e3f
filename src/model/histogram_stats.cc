#include "model/histogram_stats.h"

#include <algorithm>
#include <cmath>

#include "model/kahan_sum.h"

namespace slurmscope::model {

namespace {

bool Linear(const FloatHistogram& h, const BucketRange& range) {
  return h.custom() || (range.lower <= 0 && range.upper >= 0);
}

// The value that `part` of the range's observations lie below.
double ValueAt(const FloatHistogram& h, const BucketRange& range, double part) {
  if (Linear(h, range)) return range.lower + (range.upper - range.lower) * part;
  double low = std::log2(std::fabs(range.lower));
  double high = std::log2(std::fabs(range.upper));
  double v = std::exp2(low + (high - low) * part);
  return range.lower > 0 ? v : -v;
}

// The part of the range's observations that lie below `v`, which is inside.
double PartBelow(const FloatHistogram& h, const BucketRange& range, double v) {
  if (range.lower == -INFINITY) return 1;
  if (range.upper == INFINITY) return 0;
  if (Linear(h, range)) return (v - range.lower) / (range.upper - range.lower);
  double low = std::log2(std::fabs(range.lower));
  double high = std::log2(std::fabs(range.upper));
  return (std::log2(std::fabs(v)) - low) / (high - low);
}

double RankOf(double v, const FloatHistogram& h, const std::vector<BucketRange>& ranges) {
  double below = 0;
  for (const BucketRange& range : ranges) {
    if (range.lower >= v) return below;
    if (range.upper > v) return below + range.count * PartBelow(h, range, v);
    below += range.count;
  }
  return below;
}

double QuantileIn(const FloatHistogram& h, const BucketRange& range, double part) {
  if (range.lower == -INFINITY) return range.upper;
  if (range.upper == INFINITY) return range.lower;
  return ValueAt(h, range, part);
}

// Counted from the top, where that is nearer: fewer counts to add up.
double QuantileFromTop(double rank, const FloatHistogram& h,
                       const std::vector<BucketRange>& ranges) {
  double above = 0;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    above += range->count;
    if (above >= rank) {
      rank -= above - range->count;
      return QuantileIn(h, *range, 1 - rank / range->count);
    }
  }
  return ranges.front().lower;
}

double QuantileFromBottom(double rank, const FloatHistogram& h,
                          const std::vector<BucketRange>& ranges) {
  double below = 0;
  for (const BucketRange& range : ranges) {
    below += range.count;
    if (below >= rank) return QuantileIn(h, range, (rank - (below - range.count)) / range.count);
  }
  return std::isnan(h.sum) ? NAN : ranges.back().upper;
}

double Middle(const FloatHistogram& h, const BucketRange& range) {
  if (h.custom()) return (range.lower + range.upper) / 2;
  if (range.lower <= 0 && range.upper >= 0) return 0;
  double middle = std::sqrt(range.lower * range.upper);
  return range.upper < 0 ? -middle : middle;
}

}  // namespace

std::vector<BucketRange> LikelyRanges(const FloatHistogram& h) {
  std::vector<BucketRange> ranges = h.Ranges();
  if (h.custom()) {
    if (!ranges.empty() && ranges[0].lower == -INFINITY && ranges[0].upper > 0 &&
        ranges[0].upper < INFINITY) {
      ranges[0].lower = 0;
    }
    return ranges;
  }
  if (h.zero_count == 0) return ranges;
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].lower_inclusive && ranges[i].upper_inclusive) {
      bool only = ranges.size() == 1;
      if (i == 0 && !only) ranges[i].lower = 0;
      if (i + 1 == ranges.size() && !only) ranges[i].upper = 0;
    }
  }
  return ranges;
}

QuantileResult HistogramQuantile(double q, const FloatHistogram& h) {
  if (std::isnan(q)) return {NAN};
  if (q < 0) return {-INFINITY};
  if (q > 1) return {INFINITY};
  if (h.count == 0 || std::isnan(h.count)) return {NAN};
  bool nan_observed = std::isnan(h.sum);
  std::vector<BucketRange> ranges = LikelyRanges(h);
  if (ranges.empty()) return {NAN, nan_observed};
  // NaN counts as the highest observation, so only the way from the bottom knows where it is.
  double v = nan_observed || q < 0.5 ? QuantileFromBottom(q * h.count, h, ranges)
                                     : QuantileFromTop((1 - q) * h.count, h, ranges);
  return {v, nan_observed};
}

double HistogramFraction(double lower, double upper, const FloatHistogram& h) {
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper)) return NAN;
  if (lower >= upper) return 0;
  std::vector<BucketRange> ranges = LikelyRanges(h);
  double low = std::min(RankOf(lower, h, ranges), h.count);
  double high = std::min(RankOf(upper, h, ranges), h.count);
  return (high - low) / h.count;
}

double HistogramVariance(const FloatHistogram& h) {
  if (h.count == 0) return NAN;
  double mean = h.sum / h.count;
  KahanSum squares;
  for (const BucketRange& range : h.Ranges()) {
    double delta = Middle(h, range) - mean;
    squares.Add(range.count * delta * delta);
  }
  return squares.value() / h.count;
}

}  // namespace slurmscope::model
