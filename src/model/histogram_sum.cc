#include "model/histogram_sum.h"

#include <cmath>

#include "model/histogram_layout.h"

namespace slurmscope::model {

namespace {

template <typename Bucket>
std::vector<Bucket> Lifted(const std::vector<HistogramBucket>& buckets) {
  std::vector<Bucket> lifted;
  lifted.reserve(buckets.size());
  for (const HistogramBucket& bucket : buckets) lifted.push_back({bucket.index, {bucket.count, 0}});
  return lifted;
}

// Adds sorted buckets to sorted ones.
template <typename Bucket>
void AddBuckets(std::vector<Bucket>& to, const std::vector<HistogramBucket>& from, double factor) {
  std::vector<Bucket> merged;
  merged.reserve(to.size() + from.size());
  auto at = to.begin();
  for (const HistogramBucket& bucket : from) {
    while (at != to.end() && at->index < bucket.index) merged.push_back(*at++);
    if (at != to.end() && at->index == bucket.index) {
      merged.push_back(*at++);
      merged.back().count.Add(bucket.count * factor);
    } else {
      merged.push_back({bucket.index, {bucket.count * factor, 0}});
    }
  }
  merged.insert(merged.end(), at, to.end());
  to = std::move(merged);
}

}  // namespace

HistogramSum::HistogramSum(const FloatHistogram& first)
    : zero_count_{first.zero_count, 0},
      count_{first.count, 0},
      sum_{first.sum, 0},
      positive_(Lifted<Bucket>(first.positive)),
      negative_(Lifted<Bucket>(first.negative)) {
  head_.schema = first.schema;
  head_.hint = first.hint;
  head_.zero_threshold = first.zero_threshold;
  head_.custom_values = first.custom_values;
  MergeHint(first.hint);
}

void HistogramSum::MergeHint(ResetHint hint) {
  ResetHint own = head_.hint;
  saw_reset_ = saw_reset_ || hint == ResetHint::kReset;
  saw_not_reset_ = saw_not_reset_ || hint == ResetHint::kNotReset;
  if (own == hint) return;
  if (own == ResetHint::kGauge || hint == ResetHint::kGauge) {
    head_.hint = ResetHint::kGauge;
    return;
  }
  head_.hint = ResetHint::kUnknown;
}

bool HistogramSum::Add(const FloatHistogram& h, double factor) {
  if (h.custom() != head_.custom()) return false;
  MergeHint(h.hint);
  count_.Add(h.count * factor);
  sum_.Add(h.sum * factor);
  if (h.custom()) {
    AddCustom(h, factor);
  } else {
    AddStandard(h, factor);
  }
  return true;
}

void HistogramSum::AddCustom(const FloatHistogram& h, double factor) {
  if (head_.custom_values == h.custom_values) {
    AddBuckets(positive_, h.positive, factor);
    return;
  }
  reconciled_ = true;
  std::vector<double> common = CommonBounds(head_.custom_values, h.custom_values);
  ToFewerBounds(positive_, head_.custom_values, common);
  std::vector<HistogramBucket> other = h.positive;
  ToFewerBounds(other, h.custom_values, common);
  AddBuckets(positive_, other, factor);
  head_.custom_values = std::move(common);
}

void HistogramSum::AddStandard(const FloatHistogram& h, double factor) {
  bool same_layout = h.schema == head_.schema && h.zero_threshold == head_.zero_threshold;
  if (same_layout) {
    zero_count_.Add(h.zero_count * factor);
    AddBuckets(positive_, h.positive, factor);
    AddBuckets(negative_, h.negative, factor);
    return;
  }
  FloatHistogram other = h;
  // One may have to widen further than the other's threshold, so they meet step by step.
  while (other.zero_threshold < head_.zero_threshold ||
         other.zero_threshold > head_.zero_threshold) {
    WidenZero(other.positive, other.negative, other.schema, other.zero_threshold, other.zero_count,
              head_.zero_threshold);
    WidenZero(positive_, negative_, head_.schema, head_.zero_threshold, zero_count_,
              other.zero_threshold);
  }
  int32_t schema = std::min(head_.schema, other.schema);
  ToCoarserSchema(positive_, head_.schema, schema);
  ToCoarserSchema(negative_, head_.schema, schema);
  ToCoarserSchema(other.positive, other.schema, schema);
  ToCoarserSchema(other.negative, other.schema, schema);
  head_.schema = schema;
  zero_count_.Add(other.zero_count * factor);
  AddBuckets(positive_, other.positive, factor);
  AddBuckets(negative_, other.negative, factor);
}

template <typename Fn>
void HistogramSum::ForEachNumber(Fn fn) {
  fn(zero_count_);
  fn(count_);
  fn(sum_);
  for (Bucket& bucket : positive_) fn(bucket.count);
  for (Bucket& bucket : negative_) fn(bucket.count);
}

void HistogramSum::Scale(double factor) {
  ForEachNumber([factor](KahanSum& number) { number.Scale(factor); });
}

void HistogramSum::Divide(double divisor) {
  ForEachNumber([divisor](KahanSum& number) { number.Divide(divisor); });
}

bool HistogramSum::Overflows() const {
  auto infinite = [](const Bucket& bucket) { return std::isinf(bucket.count.sum); };
  return std::isinf(zero_count_.sum) || std::isinf(count_.sum) || std::isinf(sum_.sum) ||
         std::any_of(positive_.begin(), positive_.end(), infinite) ||
         std::any_of(negative_.begin(), negative_.end(), infinite);
}

FloatHistogram HistogramSum::Finish(double divisor) const {
  auto value = [divisor](const KahanSum& number) {
    if (std::isinf(number.sum)) return number.sum;
    return number.sum / divisor + number.compensation / divisor;
  };
  auto lower = [&value](const Buckets& buckets, std::vector<HistogramBucket>& out) {
    out.reserve(buckets.size());
    for (const Bucket& bucket : buckets) {
      double v = value(bucket.count);
      if (v != 0) out.push_back({bucket.index, v});
    }
  };
  FloatHistogram result = head_;
  result.zero_count = value(zero_count_);
  result.count = value(count_);
  result.sum = value(sum_);
  lower(positive_, result.positive);
  lower(negative_, result.negative);
  return result;
}

bool HistogramMean::Add(const FloatHistogram& h) {
  if (!total_) {
    total_.emplace(h);
    count_ = 1;
    return true;
  }
  if (!incremental_) {
    HistogramSum next = *total_;
    if (!next.Add(h)) return false;
    ++count_;
    if (!next.Overflows()) {
      total_ = std::move(next);
      return true;
    }
    incremental_ = true;
    total_->Divide(count_ - 1);
  } else {
    ++count_;
  }
  total_->Scale((count_ - 1) / count_);
  FloatHistogram part = h;
  part.Divide(count_);
  return total_->Add(part);
}

}  // namespace slurmscope::model
