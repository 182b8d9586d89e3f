#pragma once

#include "promql/eval.h"

namespace slurmscope::promql {

// Operators between two vectors. eval_match.cc
Result<VectorValue> MatchVectors(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                 VectorValue rhs);

// and, or, unless. eval_set.cc
Result<VectorValue> CombineSets(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                VectorValue rhs);

}  // namespace slurmscope::promql
