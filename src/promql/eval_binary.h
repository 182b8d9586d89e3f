#pragma once

#include "promql/eval.h"

namespace slurmscope::promql {

// A sample as an operand or a result; absent when `v` is.
struct Operand {
  double v = 0;
  const HistogramPtr* histogram = nullptr;  // null for a float
};
struct Combined {
  double v = Absent();
  HistogramPtr histogram = nullptr;
};
inline Operand OperandAt(const VectorValue& vector, size_t row, size_t step) {
  Operand operand{vector.Row(row)[step]};
  if (!vector.has_histograms()) return operand;
  const HistogramPtr& histogram = vector.histograms[row * vector.steps + step];
  if (histogram != nullptr) operand.histogram = &histogram;
  return operand;
}

// An operator between two samples, of which at least one is a histogram, or a trim operator. A
// comparison without `bool` gives the left one, if any. eval_binary_histogram.cc
Combined CombineHistograms(Annotations& notes, const BinaryExpr& expr, const Operand& left,
                           const Operand& right);

// Operators between two vectors. eval_match.cc
Result<VectorValue> MatchVectors(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                 VectorValue rhs);

// and, or, unless. eval_set.cc
Result<VectorValue> CombineSets(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                VectorValue rhs);

}  // namespace slurmscope::promql
