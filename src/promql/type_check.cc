#include "promql/type_check.h"

#include <algorithm>
#include <string>

#include "base/strings.h"
#include "model/labels.h"
#include "promql/functions.h"
#include "promql/parse_error.h"

namespace slurmscope::promql {
namespace {

using base::Quote;
using base::Result;
using base::StrCat;

// The short names that subquery errors use.
std::string_view RawName(ValueType type) {
  switch (type) {
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    default:
      return ToString(type);
  }
}

bool IsScalarOrVector(ValueType type) {
  return type == ValueType::kScalar || type == ValueType::kVector;
}

class Checker {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  Result<ValueType> Check(Expr* expr);

 private:
  Result<void> Check(AggregateExpr* node);
  Result<void> Check(Call* node);
  Result<void> Check(BinaryExpr* node);
  Result<void> Check(UnaryExpr* node);
  Result<void> Check(SubqueryExpr* node);
  Result<void> Check(VectorSelector* node, bool may_be_empty = false);
  Result<void> CheckOperator(const BinaryExpr& node, ValueType lhs, ValueType rhs);
  Result<void> CheckMatching(BinaryExpr* node, ValueType lhs, ValueType rhs);
  Result<void> CheckArgumentCount(const Call& node);
  Result<void> CheckInfoArgument(const Call& node);
  Result<void> Expect(Expr* expr, ValueType want, std::string_view context);

  tl::unexpected<base::Error> FailAt(const Expr& node, std::string_view message) const {
    return ParseError(text_, node.pos.start, message);
  }

  std::string_view text_;
};

Result<ValueType> Checker::Check(Expr* expr) {
  switch (expr->kind()) {
    case NodeKind::kAggregate:
      TRY(Check(static_cast<AggregateExpr*>(expr)));
      break;
    case NodeKind::kCall:
      TRY(Check(static_cast<Call*>(expr)));
      break;
    case NodeKind::kBinary:
      TRY(Check(static_cast<BinaryExpr*>(expr)));
      break;
    case NodeKind::kUnary:
      TRY(Check(static_cast<UnaryExpr*>(expr)));
      break;
    case NodeKind::kSubquery:
      TRY(Check(static_cast<SubqueryExpr*>(expr)));
      break;
    case NodeKind::kParen:
      return Check(static_cast<ParenExpr*>(expr)->expr.get());
    case NodeKind::kVectorSelector:
      TRY(Check(static_cast<VectorSelector*>(expr)));
      break;
    case NodeKind::kMatrixSelector:
      TRY(Check(static_cast<MatrixSelector*>(expr)->selector.get()));
      break;
    case NodeKind::kNumber:
    case NodeKind::kString:
    case NodeKind::kDuration:
      break;
  }
  return expr->type();
}

Result<void> Checker::Expect(Expr* expr, ValueType want, std::string_view context) {
  ValueType got = TRY(Check(expr));
  if (got == want) return {};
  return FailAt(*expr,
                StrCat("expected type ", ToString(want), " in ", context, ", got ", ToString(got)));
}

Result<void> Checker::Check(AggregateExpr* node) {
  TRY(Expect(node->expr.get(), ValueType::kVector, "aggregation expression"));
  if (!node->param) return {};
  ValueType want = node->op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar;
  return Expect(node->param.get(), want, "aggregation parameter");
}

Result<void> Checker::CheckArgumentCount(const Call& node) {
  const FunctionInfo& function = *node.function;
  size_t given = node.args.size();
  size_t most = function.args.size();
  auto fail = [&](std::string_view bound, size_t count) {
    return FailAt(node, StrCat("expected ", bound, count, " argument(s) in call to ",
                               Quote(function.name), ", got ", given));
  };
  if (function.variadic == 0) {
    if (given != most) return fail("", most);
    return {};
  }
  size_t optional = function.variadic < 0 ? 1 : static_cast<size_t>(function.variadic);
  if (given < most - optional) return fail("at least ", most - optional);
  if (given > most && function.variadic > 0) return fail("at most ", most);
  return {};
}

Result<void> Checker::Check(Call* node) {
  const FunctionInfo& function = *node->function;
  TRY(CheckArgumentCount(*node));
  bool info = function.name == "info";
  if (info) TRY(CheckInfoArgument(*node));
  std::string context = StrCat("call to function ", Quote(function.name));
  for (size_t i = 0; i < node->args.size(); ++i) {
    if (info && i == 1) {
      // It selects labels, not series: matchers that match the empty string are in order.
      TRY(Check(static_cast<VectorSelector*>(node->args[i].get()), /*may_be_empty=*/true));
      continue;
    }
    TRY(Expect(node->args[i].get(), function.args[std::min(i, function.args.size() - 1)], context));
  }
  return {};
}

Result<void> Checker::CheckInfoArgument(const Call& node) {
  if (node.args.size() < 2) return {};
  const Expr& argument = *node.args[1];
  if (argument.kind() != NodeKind::kVectorSelector) {
    return FailAt(argument, "expected label selectors only");
  }
  const auto& selector = static_cast<const VectorSelector&>(argument);
  if (selector.name.empty() || selector.name_in_braces) return {};
  return FailAt(argument, "expected label selectors only, got vector selector instead");
}

Result<void> Checker::Check(BinaryExpr* node) {
  ValueType lhs = TRY(Check(node->lhs.get()));
  ValueType rhs = TRY(Check(node->rhs.get()));
  TRY(CheckOperator(*node, lhs, rhs));
  for (const Expr* side : {node->lhs.get(), node->rhs.get()}) {
    if (!IsScalarOrVector(side == node->lhs.get() ? lhs : rhs)) {
      return FailAt(*side, "binary expression must contain only scalar and instant vector types");
    }
  }
  TRY(CheckMatching(node, lhs, rhs));
  bool scalar = lhs == ValueType::kScalar || rhs == ValueType::kScalar;
  if (!scalar || !IsSetOperator(node->op)) return {};
  return FailAt(*node, StrCat("set operator ", Quote(ToString(node->op)),
                              " not allowed in binary scalar expression"));
}

Result<void> Checker::CheckOperator(const BinaryExpr& node, ValueType lhs, ValueType rhs) {
  int pos = node.op_pos.start;
  bool comparison = IsComparison(node.op);
  if (node.return_bool && !comparison) {
    return ParseError(text_, pos, "bool modifier can only be used on comparison operators");
  }
  bool scalars = lhs == ValueType::kScalar && rhs == ValueType::kScalar;
  if (comparison && scalars && !node.return_bool) {
    return ParseError(text_, pos, "comparisons between scalars must use BOOL modifier");
  }
  if (!node.matching->on) return {};
  for (const std::string& label : node.matching->labels) {
    const std::vector<std::string>& include = node.matching->include;
    if (std::find(include.begin(), include.end(), label) == include.end()) continue;
    return ParseError(
        text_, pos,
        StrCat("label ", Quote(label), " must not occur in ON and GROUP clause at once"));
  }
  return {};
}

Result<void> Checker::CheckMatching(BinaryExpr* node, ValueType lhs, ValueType rhs) {
  const VectorMatching& matching = *node->matching;
  bool fills = matching.fill_left || matching.fill_right;
  if (lhs != ValueType::kVector || rhs != ValueType::kVector) {
    if (!matching.labels.empty()) {
      return FailAt(*node, "vector matching only allowed between instant vectors");
    }
    if (fills) {
      return FailAt(*node, "filling in missing series only allowed between instant vectors");
    }
    node->matching.reset();
    return {};
  }
  if (!IsSetOperator(node->op)) return {};
  if (matching.card != Cardinality::kManyToMany) {
    return FailAt(*node,
                  StrCat("no grouping allowed for ", Quote(ToString(node->op)), " operation"));
  }
  if (fills) return FailAt(*node, "filling in missing series not allowed for set operators");
  return {};
}

Result<void> Checker::Check(UnaryExpr* node) {
  ValueType type = TRY(Check(node->expr.get()));
  if (IsScalarOrVector(type)) return {};
  return FailAt(*node, StrCat("unary expression only allowed on expressions of type scalar or "
                              "instant vector, got ",
                              Quote(ToString(type))));
}

Result<void> Checker::Check(SubqueryExpr* node) {
  ValueType type = TRY(Check(node->expr.get()));
  if (type == ValueType::kVector) return {};
  return FailAt(
      *node, StrCat("subquery is only allowed on instant vector, got ", RawName(type), " instead"));
}

Result<void> Checker::Check(VectorSelector* node, bool may_be_empty) {
  bool named = !node->name.empty() && !node->name_in_braces;
  // The last matcher is the one for the name in front.
  for (size_t i = 0; named && i + 1 < node->matchers.size(); ++i) {
    if (node->matchers[i].name() != model::kMetricName) continue;
    return FailAt(*node, StrCat("metric name must not be set twice: ", Quote(node->name), " or ",
                                Quote(node->matchers[i].value())));
  }
  if (named || may_be_empty || HasSelectiveMatcher(*node)) return {};
  return FailAt(*node, "vector selector must contain at least one non-empty matcher");
}

}  // namespace

bool HasSelectiveMatcher(const VectorSelector& selector) {
  return std::any_of(selector.matchers.begin(), selector.matchers.end(),
                     [](const model::Matcher& matcher) { return !matcher.MatchesEmpty(); });
}

Result<void> TypeCheck(std::string_view text, Expr* expr) {
  TRY(Checker(text).Check(expr));
  return {};
}

}  // namespace slurmscope::promql
