#pragma once

#include <cmath>

namespace slurmscope::model {

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
  void Add(const KahanSum& other) {
    Add(other.sum);
    compensation += other.compensation;
  }
  void Scale(double factor) {
    sum *= factor;
    compensation *= factor;
  }
  void Divide(double divisor) {
    sum /= divisor;
    compensation /= divisor;
  }
  double value() const { return std::isinf(sum) ? sum : sum + compensation; }
};

inline void AddTo(KahanSum& to, const KahanSum& from) { to.Add(from); }
inline bool IsZero(const KahanSum& sum) { return sum.sum == 0 && sum.compensation == 0; }

}  // namespace slurmscope::model
