#include "promql/eval_binary.h"

#include "promql/binary_ops.h"

namespace slurmscope::promql {

namespace {

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimLower || op == BinaryOp::kTrimUpper; }

// A comparison without bool keeps the vector's sample, on whichever side it stands.
Result<VectorValue> WithScalar(Evaluator& evaluator, const BinaryExpr& expr, VectorValue vector,
                               const std::vector<double>& scalar, bool scalar_left) {
  bool filter = IsComparison(expr.op) && !expr.return_bool;
  for (size_t i = 0; i < vector.size(); ++i) {
    double* row = vector.Row(i);
    for (size_t s = 0; s < vector.steps; ++s) {
      if (IsAbsent(row[s])) continue;
      double v =
          scalar_left ? Apply(expr.op, scalar[s], row[s]) : Apply(expr.op, row[s], scalar[s]);
      if (!filter) {
        row[s] = v;
      } else if (v == 0) {
        row[s] = Absent();
      }
    }
  }
  if (filter) {
    DropEmptyRows(vector);
  } else {
    TRY(evaluator.DropNames(vector));
  }
  return vector;
}

}  // namespace

Result<Value> Evaluator::EvalBinary(const BinaryExpr& expr, const StepGrid& grid) {
  Value lhs = TRY(Eval(*expr.lhs, grid));
  Value rhs = TRY(Eval(*expr.rhs, grid));
  // They trim native histograms; floats pass none of them.
  if (IsTrim(expr.op)) return VectorOf({});
  bool left_scalar = lhs.type == ValueType::kScalar;
  bool right_scalar = rhs.type == ValueType::kScalar;
  if (left_scalar && right_scalar) {
    for (size_t s = 0; s < grid.count; ++s)
      lhs.scalar[s] = Apply(expr.op, lhs.scalar[s], rhs.scalar[s]);
    return lhs;
  }
  if (right_scalar) {
    return VectorOf(TRY(WithScalar(*this, expr, std::move(lhs.vector), rhs.scalar, false)));
  }
  if (left_scalar)
    return VectorOf(TRY(WithScalar(*this, expr, std::move(rhs.vector), lhs.scalar, true)));
  if (IsSetOperator(expr.op)) {
    return VectorOf(TRY(CombineSets(*this, expr, std::move(lhs.vector), std::move(rhs.vector))));
  }
  return VectorOf(TRY(MatchVectors(*this, expr, std::move(lhs.vector), std::move(rhs.vector))));
}

}  // namespace slurmscope::promql
