#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"

namespace slurmscope::promql {

// The type of an expression's value.
enum class ValueType { kScalar, kVector, kMatrix, kString };
std::string_view ToString(ValueType type);  // "scalar", "instant vector", "range vector", "string"

// Byte offsets into the query text, end exclusive.
struct PosRange {
  int start = 0;
  int end = 0;
};

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterEqual,
  kLessEqual,
  kAnd,
  kOr,
  kUnless,
  kTrimUpper,
  kTrimLower,  // `</` and `>/` of native histograms
};
std::string_view ToString(BinaryOp op);
bool IsComparison(BinaryOp op);
bool IsSetOperator(BinaryOp op);

enum class AggregateOp {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio,
};
std::string_view ToString(AggregateOp op);

enum class NodeKind {
  kNumber,
  kString,
  kVectorSelector,
  kMatrixSelector,
  kSubquery,
  kCall,
  kAggregate,
  kBinary,
  kUnary,
  kParen,
  kDuration,
};

// Base of all nodes. A tree owns its children and is immutable once parsed; share it read-only
// between threads.
struct Expr {
  virtual ~Expr() = default;
  virtual NodeKind kind() const = 0;
  virtual ValueType type() const = 0;
  PosRange pos;
  int height = 1;  // levels of the tree from here down; ParserOptions::max_height bounds it, and
                   // with it recursion
};
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral final : Expr {
  NodeKind kind() const override { return NodeKind::kNumber; }
  ValueType type() const override { return ValueType::kScalar; }
  double value = 0;
  bool is_duration = false;  // written as 5m; prints so again
};

struct StringLiteral final : Expr {
  NodeKind kind() const override { return NodeKind::kString; }
  ValueType type() const override { return ValueType::kString; }
  std::string value;
};

// Arithmetic in a duration: [5m * 2], offset -(step() + 1s). Evaluates to seconds once query start,
// end and step are known. Leaves are numbers and the calls below.
enum class DurationOp {
  kLiteral,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kNegate,
  kStep,
  kRange,
  kMin,
  kMax
};
struct DurationExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kDuration; }
  ValueType type() const override { return ValueType::kScalar; }
  DurationOp op = DurationOp::kLiteral;
  double seconds = 0;                 // of a literal
  bool is_duration = false;           // literal written as 5m, not 300; prints so again
  std::unique_ptr<DurationExpr> lhs;  // operand of unary ones
  std::unique_ptr<DurationExpr> rhs;
  bool wrapped = false;  // was in parentheses; prints so again
};
using DurationExprPtr = std::unique_ptr<DurationExpr>;

// A duration as written: a constant in milliseconds, or an expression (then `ms` is 0 until
// evaluated). Arithmetic of constants is a constant: `ms` has its value, `expr` is null, and
// `written` keeps the form for printing.
struct DurationValue {
  int64_t ms = 0;
  DurationExprPtr expr;
  DurationExprPtr written;
};

enum class AtModifier { kNone, kTimestamp, kStart, kEnd };

// What selectors and subqueries have in common: `offset 5m`, `@ 1234.5`, `@ start()`.
struct TimeModifiers {
  DurationValue offset;
  AtModifier at = AtModifier::kNone;
  int64_t at_ms = 0;  // with kTimestamp
};

struct VectorSelector final : Expr {
  NodeKind kind() const override { return NodeKind::kVectorSelector; }
  ValueType type() const override { return ValueType::kVector; }
  std::string name;  // as written before the braces, or as a quoted name in them; may be empty
  bool name_in_braces = false;           // {"x"}
  std::vector<model::Matcher> matchers;  // includes the one for __name__
  TimeModifiers time;
  bool anchored = false;
  bool smoothed = false;
};

struct MatrixSelector final : Expr {
  NodeKind kind() const override { return NodeKind::kMatrixSelector; }
  ValueType type() const override { return ValueType::kMatrix; }
  std::unique_ptr<VectorSelector> selector;  // carries the time modifiers
  DurationValue range;
};

struct SubqueryExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kSubquery; }
  ValueType type() const override { return ValueType::kMatrix; }
  ExprPtr expr;
  DurationValue range;
  DurationValue step;  // 0: the default evaluation interval
  bool has_step = false;
  TimeModifiers time;
};

// Signature of a function; one static table in functions.h.
struct FunctionInfo;

struct Call final : Expr {
  NodeKind kind() const override { return NodeKind::kCall; }
  ValueType type() const override;
  const FunctionInfo* function = nullptr;
  std::vector<ExprPtr> args;
};

struct AggregateExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kAggregate; }
  ValueType type() const override { return ValueType::kVector; }
  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // topk's k, quantile's q, count_values' label; null for the others
  std::vector<std::string> grouping;
  bool without = false;
  PosRange op_pos;
};

enum class Cardinality { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct VectorMatching {
  Cardinality card = Cardinality::kOneToOne;
  std::vector<std::string> labels;  // of on() or ignoring()
  bool on = false;
  std::vector<std::string> include;  // of group_left() or group_right()
  std::optional<double>
      fill_left;  // missing sample on that side (feature promql-binop-fill-modifiers)
  std::optional<double> fill_right;
};

struct BinaryExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kBinary; }
  ValueType type() const override {
    return lhs->type() == ValueType::kScalar && rhs->type() == ValueType::kScalar
               ? ValueType::kScalar
               : ValueType::kVector;
  }
  BinaryOp op = BinaryOp::kAdd;
  ExprPtr lhs;
  ExprPtr rhs;
  PosRange op_pos;
  std::optional<VectorMatching> matching;  // set when both sides are vectors
  bool return_bool = false;
};

struct UnaryExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kUnary; }
  ValueType type() const override { return expr->type(); }
  bool negative = false;
  ExprPtr expr;
};

struct ParenExpr final : Expr {
  NodeKind kind() const override { return NodeKind::kParen; }
  ValueType type() const override { return expr->type(); }
  ExprPtr expr;
};

}  // namespace slurmscope::promql
