#pragma once

#include <optional>
#include <vector>

#include "model/histogram.h"
#include "model/kahan_sum.h"

namespace slurmscope::model {

// Adds histograms up with compensated sums. Different layouts are reconciled: to the coarser
// schema, to a zero bucket as wide as the widest, to the custom bounds that all have. Not
// thread-safe.
class HistogramSum {
 public:
  explicit HistogramSum(const FloatHistogram& first);

  // Adds factor * h. False, and nothing happens, when one has custom buckets and the other has not.
  bool Add(const FloatHistogram& h, double factor = 1);
  void Scale(double factor);
  void Divide(double divisor);
  // A count, sum or bucket has become infinite.
  bool Overflows() const;
  // Without buckets that hold zero. Its hint: equal hints stay, a gauge makes a gauge, all else is
  // unknown.
  FloatHistogram Result() const { return Finish(1); }
  // The sum divided by `n`, rounded once.
  FloatHistogram Mean(double n) const { return Finish(n); }

  // Custom bounds were not all the same.
  bool reconciled() const { return reconciled_; }
  // A histogram after a reset met one that was not.
  bool hints_conflict() const { return saw_reset_ && saw_not_reset_; }

 private:
  struct Bucket {
    int32_t index = 0;
    KahanSum count;
  };
  using Buckets = std::vector<Bucket>;

  FloatHistogram Finish(double divisor) const;
  void MergeHint(ResetHint hint);
  void AddCustom(const FloatHistogram& h, double factor);
  void AddStandard(const FloatHistogram& h, double factor);
  template <typename Fn>
  void ForEachNumber(Fn fn);

  FloatHistogram head_;  // schema, hint, zero threshold and custom bounds; the numbers lie below
  KahanSum zero_count_;
  KahanSum count_;
  KahanSum sum_;
  Buckets positive_;
  Buckets negative_;
  bool reconciled_ = false;
  bool saw_reset_ = false;
  bool saw_not_reset_ = false;
};

// Arithmetic mean that survives sums beyond the range of double: turns to an incremental mean when
// they overflow.
class HistogramMean {
 public:
  // False as HistogramSum::Add.
  bool Add(const FloatHistogram& h);
  // After at least one Add.
  FloatHistogram Result() const { return incremental_ ? total_->Result() : total_->Mean(count_); }
  bool reconciled() const { return total_ && total_->reconciled(); }
  bool hints_conflict() const { return total_ && total_->hints_conflict(); }

 private:
  std::optional<HistogramSum> total_;
  double count_ = 0;
  bool incremental_ = false;
};

}  // namespace slurmscope::model
