#include <algorithm>
#include <cmath>

#include "model/histogram_stats.h"
#include "model/kahan_sum.h"

namespace slurmscope::model {

namespace {

struct Kept {
  double part = 1;    // of the bucket's observations
  double middle = 0;  // of what is kept
};

double LinearPart(double lower, double upper, double from, double to) {
  return upper > lower ? (to - from) / (upper - lower) : 1;
}

// Follows the buckets of one histogram and gathers what stays.
class Trimmer {
 public:
  Trimmer(TrimSide cut, double limit)
      : low_(cut == TrimSide::kLower ? limit : -INFINITY),
        high_(cut == TrimSide::kUpper ? limit : INFINITY) {}

  // The count that stays of a bucket whose observations lie in (lower, upper].
  double Keep(double count, double lower, double upper, bool exponential) {
    if (count == 0) return 0;
    double from = std::max(lower, low_);
    double to = std::min(upper, high_);
    if (lower == upper ? from > to : from >= to) return Drop();
    if (exponential) return Take(count, Exponential(lower, upper, from, to));
    return Take(count, {LinearPart(lower, upper, from, to), (from + to) / 2});
  }

  // Custom buckets without an end cannot be divided: all or nothing stays.
  double KeepOpen(double count, double lower, double upper) {
    bool cut_below = low_ > -INFINITY;
    bool cut_above = high_ < INFINITY;
    if (lower == -INFINITY && upper == INFINITY) return Drop();
    if (lower == -INFINITY)
      return cut_below || high_ == -INFINITY ? Drop() : Take(count, {1, std::min(upper, high_)});
    return cut_above || low_ == INFINITY ? Drop() : Take(count, {1, std::max(lower, low_)});
  }
  double Drop() {
    changed_ = true;
    return 0;
  }

  bool changed() const { return changed_; }
  double count() const { return count_.value(); }
  double sum() const { return sum_.value(); }

 private:
  Kept Exponential(double lower, double upper, double from, double to) const {
    double low = std::log2(std::fabs(lower));
    double high = std::log2(std::fabs(upper));
    double part = 1;
    if (from != lower || to != upper) {
      part = (std::log2(std::fabs(to)) - std::log2(std::fabs(from))) / (high - low);
    }
    double middle = std::sqrt(from * to);
    return {part, upper <= 0 ? -middle : middle};
  }
  double Take(double count, Kept kept) {
    if (kept.part != 1) changed_ = true;
    double taken = count * kept.part;
    if (taken == 0) return 0;
    count_.Add(taken);
    sum_.Add(taken * kept.middle);
    return taken;
  }

  double low_;
  double high_;
  bool changed_ = false;
  KahanSum count_;
  KahanSum sum_;
};

void TrimCustom(FloatHistogram& h, Trimmer& trimmer, double limit) {
  for (HistogramBucket& bucket : h.positive) {
    auto i = static_cast<size_t>(bucket.index);
    double lower = i == 0 ? -INFINITY : h.custom_values[i - 1];
    double upper = i < h.custom_values.size() ? h.custom_values[i] : INFINITY;
    // Where negative values are out of the question the first bucket begins at zero.
    bool from_zero = i == 0 && upper > 0 && upper < INFINITY;
    bool below_zero = from_zero && limit < 0;
    bool open = std::isinf(lower) || std::isinf(upper);
    if (from_zero && !below_zero) {
      bucket.count = trimmer.Keep(bucket.count, 0, upper, false);
    } else if (below_zero) {
      bucket.count = trimmer.Drop();
    } else if (open) {
      bucket.count = trimmer.KeepOpen(bucket.count, lower, upper);
    } else {
      bucket.count = trimmer.Keep(bucket.count, lower, upper, false);
    }
  }
}

void TrimStandard(FloatHistogram& h, Trimmer& trimmer) {
  bool only_positive = h.negative.empty() && !h.positive.empty();
  bool only_negative = h.positive.empty() && !h.negative.empty();
  for (HistogramBucket& bucket : h.negative) {
    bucket.count = trimmer.Keep(bucket.count, -BucketBound(h.schema, bucket.index),
                                -BucketBound(h.schema, bucket.index - 1), true);
  }
  h.zero_count = trimmer.Keep(h.zero_count, only_positive ? 0 : -h.zero_threshold,
                              only_negative ? 0 : h.zero_threshold, false);
  for (HistogramBucket& bucket : h.positive) {
    bucket.count = trimmer.Keep(bucket.count, BucketBound(h.schema, bucket.index - 1),
                                BucketBound(h.schema, bucket.index), true);
  }
}

}  // namespace

FloatHistogram Trimmed(const FloatHistogram& h, TrimSide cut, double limit) {
  bool everything = cut == TrimSide::kUpper ? limit == INFINITY : limit == -INFINITY;
  if (everything) return h;
  FloatHistogram result = h;
  result.Compact();
  Trimmer trimmer(cut, limit);
  if (h.custom()) {
    TrimCustom(result, trimmer, limit);
  } else {
    TrimStandard(result, trimmer);
  }
  if (!trimmer.changed()) return h;
  result.Compact();
  result.count = trimmer.count();
  result.sum = trimmer.sum();
  return result;
}

}  // namespace slurmscope::model
