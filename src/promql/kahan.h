#pragma once

#include <cmath>

namespace slurmscope::promql {

// Neumaier's compensated sum: value() is exact to about twice the precision of a double.
struct KahanSum {
  double sum = 0;
  double compensation = 0;

  void Add(double x) {
    double t = sum + x;
    if (std::isinf(t)) {
      compensation = 0;
    } else if (std::fabs(sum) >= std::fabs(x)) {
      compensation += (sum - t) + x;
    } else {
      compensation += (x - t) + sum;
    }
    sum = t;
  }
  double value() const { return std::isinf(sum) ? sum : sum + compensation; }
};

// Arithmetic mean that survives sums beyond the range of double: turns to an incremental mean when
// they overflow.
class KahanMean {
 public:
  void Add(double x) {
    ++count_;
    if (!incremental_) {
      KahanSum next = total_;
      next.Add(x);
      if (count_ == 1 || !std::isinf(next.sum)) {
        total_ = next;
        return;
      }
      incremental_ = true;
      total_.sum /= count_ - 1;
      total_.compensation /= count_ - 1;
    }
    double keep = (count_ - 1) / count_;
    total_.sum *= keep;
    total_.compensation *= keep;
    total_.Add(x / count_);
  }
  double value() const {
    if (incremental_) return total_.sum + total_.compensation;
    return total_.sum / count_ + total_.compensation / count_;
  }
  double count() const { return count_; }

 private:
  KahanSum total_;
  double count_ = 0;
  bool incremental_ = false;
};

}  // namespace slurmscope::promql
