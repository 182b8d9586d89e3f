#pragma once

#include <cmath>
#include <utility>

#include "promql/ast.h"

namespace slurmscope::promql {

// The value of an arithmetic operator, or 1 and 0 of a comparison.
inline double Apply(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSub:
      return a - b;
    case BinaryOp::kMul:
      return a * b;
    case BinaryOp::kDiv:
      return a / b;
    case BinaryOp::kMod:
      return std::fmod(a, b);
    case BinaryOp::kPow:
      return std::pow(a, b);
    case BinaryOp::kAtan2:
      return std::atan2(a, b);
    case BinaryOp::kEqual:
      return a == b;
    case BinaryOp::kNotEqual:
      return a != b;
    case BinaryOp::kGreater:
      return a > b;
    case BinaryOp::kLess:
      return a < b;
    case BinaryOp::kGreaterEqual:
      return a >= b;
    case BinaryOp::kLessEqual:
      return a <= b;
    default:
      return NAN;
  }
}

}  // namespace slurmscope::promql
