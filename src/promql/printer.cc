#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "model/labels.h"
#include "promql/functions.h"
#include "promql/parser.h"
#include "promql/printer.h"

namespace slurmscope::promql {
namespace {

using base::StrAppend;

void Append(std::string& out, const Expr& expr);

void AppendSeconds(std::string& out, double seconds) {
  out += base::FormatDurationMs(std::llround(seconds * 1000));
}

void AppendLabels(std::string& out, const std::vector<std::string>& labels) {
  out += " (";
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) out += ", ";
    out += model::IsLegacyLabelName(labels[i]) ? labels[i] : base::Quote(labels[i]);
  }
  out += ')';
}

std::string_view Sign(DurationOp op) {
  switch (op) {
    case DurationOp::kSub:
      return " - ";
    case DurationOp::kMul:
      return " * ";
    case DurationOp::kDiv:
      return " / ";
    case DurationOp::kMod:
      return " % ";
    case DurationOp::kPow:
      return " ^ ";
    default:
      return " + ";
  }
}

void AppendDurationExpr(std::string& out, const DurationExpr& expr);

void AppendUnwrapped(std::string& out, const DurationExpr& expr) {
  switch (expr.op) {
    case DurationOp::kLiteral:
      if (expr.is_duration) {
        AppendSeconds(out, expr.seconds);
      } else {
        base::AppendFloat(out, expr.seconds, base::FloatStyle::kFixed);
      }
      return;
    case DurationOp::kStep:
      out += "step()";
      return;
    case DurationOp::kRange:
      out += "range()";
      return;
    case DurationOp::kNegate:
      out += '-';
      AppendDurationExpr(out, *expr.lhs);
      return;
    case DurationOp::kMin:
    case DurationOp::kMax:
      out += expr.op == DurationOp::kMin ? "min_of(" : "max_of(";
      AppendDurationExpr(out, *expr.lhs);
      out += ", ";
      AppendDurationExpr(out, *expr.rhs);
      out += ')';
      return;
    default:
      break;
  }
  AppendDurationExpr(out, *expr.lhs);
  out += Sign(expr.op);
  AppendDurationExpr(out, *expr.rhs);
}

void AppendDurationExpr(std::string& out, const DurationExpr& expr) {
  if (expr.wrapped) out += '(';
  AppendUnwrapped(out, expr);
  if (expr.wrapped) out += ')';
}

void AppendDuration(std::string& out, const DurationValue& value) {
  const DurationExprPtr& expr = value.expr ? value.expr : value.written;
  if (expr) {
    AppendDurationExpr(out, *expr);
  } else {
    out += base::FormatDurationMs(value.ms);
  }
}

void AppendAt(std::string& out, const TimeModifiers& time) {
  switch (time.at) {
    case AtModifier::kNone:
      return;
    case AtModifier::kStart:
      out += " @ start()";
      return;
    case AtModifier::kEnd:
      out += " @ end()";
      return;
    case AtModifier::kTimestamp:
      break;
  }
  char buffer[48];
  char* end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<double>(time.at_ms) / 1000,
                            std::chars_format::fixed, 3)
                  .ptr;
  StrAppend(out, " @ ", std::string_view(buffer, static_cast<size_t>(end - buffer)));
}

void AppendOffset(std::string& out, const TimeModifiers& time) {
  const DurationValue& offset = time.offset;
  if (offset.ms == 0 && !offset.expr && !offset.written) return;
  out += " offset ";
  AppendDuration(out, offset);
}

// The name and the matchers, without modifiers.
void AppendSeries(std::string& out, const VectorSelector& node) {
  std::string_view name = node.name_in_braces ? std::string_view() : node.name;
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : node.matchers) {
    bool is_name = !name.empty() && matcher.name() == model::kMetricName &&
                   matcher.type() == model::MatchType::kEqual && matcher.value() == name;
    if (!is_name) matchers.push_back(matcher.ToString());
  }
  out += name;
  if (matchers.empty()) {
    if (name.empty()) out += "{}";
    return;
  }
  std::sort(matchers.begin(), matchers.end());
  StrAppend(out, "{", base::Join(matchers, ","), "}");
}

std::string_view Extension(const VectorSelector& node) {
  if (node.anchored) return " anchored";
  return node.smoothed ? " smoothed" : "";
}

void AppendVector(std::string& out, const VectorSelector& node) {
  AppendSeries(out, node);
  AppendAt(out, node.time);
  out += Extension(node);
  AppendOffset(out, node.time);
}

void AppendMatrix(std::string& out, const MatrixSelector& node) {
  AppendSeries(out, *node.selector);
  out += '[';
  AppendDuration(out, node.range);
  StrAppend(out, "]", Extension(*node.selector));
  AppendAt(out, node.selector->time);
  AppendOffset(out, node.selector->time);
}

void AppendSubquery(std::string& out, const SubqueryExpr& node) {
  Append(out, *node.expr);
  AppendSubqueryTime(out, node);
}

void AppendCall(std::string& out, const Call& node) {
  StrAppend(out, node.function->name, "(");
  for (size_t i = 0; i < node.args.size(); ++i) {
    if (i > 0) out += ", ";
    Append(out, *node.args[i]);
  }
  out += ')';
}

void AppendAggregate(std::string& out, const AggregateExpr& node) {
  AppendAggregateHead(out, node);
  out += '(';
  if (node.param) {
    Append(out, *node.param);
    out += ", ";
  }
  Append(out, *node.expr);
  out += ')';
}

void AppendFill(std::string& out, std::string_view word, double value) {
  StrAppend(out, word, " (", base::FormatFloat(value, base::FloatStyle::kApi), ")");
}

bool SameFill(const VectorMatching& matching) {
  if (!matching.fill_left || !matching.fill_right) return false;
  double left = *matching.fill_left;
  double right = *matching.fill_right;
  return left == right || (std::isnan(left) && std::isnan(right));
}

void AppendMatching(std::string& out, const VectorMatching& matching) {
  bool grouped =
      matching.card == Cardinality::kManyToOne || matching.card == Cardinality::kOneToMany;
  if (matching.on || grouped || !matching.labels.empty()) {
    out += matching.on ? " on" : " ignoring";
    AppendLabels(out, matching.labels);
  }
  if (grouped) {
    out += matching.card == Cardinality::kManyToOne ? " group_left" : " group_right";
    AppendLabels(out, matching.include);
  }
  if (SameFill(matching)) {
    AppendFill(out, " fill", *matching.fill_left);
    return;
  }
  if (matching.fill_left) AppendFill(out, " fill_left", *matching.fill_left);
  if (matching.fill_right) AppendFill(out, " fill_right", *matching.fill_right);
}

// "+Inf ^ 2" would be the sign of a power.
bool IsInfiniteBase(const BinaryExpr& node) {
  if (node.op != BinaryOp::kPow || node.lhs->kind() != NodeKind::kNumber) return false;
  return std::isinf(static_cast<const NumberLiteral&>(*node.lhs).value);
}

void AppendBinary(std::string& out, const BinaryExpr& node) {
  if (IsInfiniteBase(node)) {
    out += "Inf";
  } else {
    Append(out, *node.lhs);
  }
  AppendOperator(out, node);
  out += ' ';
  Append(out, *node.rhs);
}

void AppendNumber(std::string& out, const NumberLiteral& node) {
  if (node.is_duration) {
    AppendSeconds(out, node.value);
  } else {
    base::AppendFloat(out, node.value, base::FloatStyle::kFixed);
  }
}

void Append(std::string& out, const Expr& expr) {
  switch (expr.kind()) {
    case NodeKind::kNumber:
      return AppendNumber(out, static_cast<const NumberLiteral&>(expr));
    case NodeKind::kString:
      out += base::Quote(static_cast<const StringLiteral&>(expr).value);
      return;
    case NodeKind::kVectorSelector:
      return AppendVector(out, static_cast<const VectorSelector&>(expr));
    case NodeKind::kMatrixSelector:
      return AppendMatrix(out, static_cast<const MatrixSelector&>(expr));
    case NodeKind::kSubquery:
      return AppendSubquery(out, static_cast<const SubqueryExpr&>(expr));
    case NodeKind::kCall:
      return AppendCall(out, static_cast<const Call&>(expr));
    case NodeKind::kAggregate:
      return AppendAggregate(out, static_cast<const AggregateExpr&>(expr));
    case NodeKind::kBinary:
      return AppendBinary(out, static_cast<const BinaryExpr&>(expr));
    case NodeKind::kUnary: {
      const auto& unary = static_cast<const UnaryExpr&>(expr);
      out += unary.negative ? '-' : '+';
      return Append(out, *unary.expr);
    }
    case NodeKind::kParen:
      out += '(';
      Append(out, *static_cast<const ParenExpr&>(expr).expr);
      out += ')';
      return;
    case NodeKind::kDuration:
      return AppendDurationExpr(out, static_cast<const DurationExpr&>(expr));
  }
}

}  // namespace

void AppendAggregateHead(std::string& out, const AggregateExpr& node) {
  out += ToString(node.op);
  if (!node.without && node.grouping.empty()) return;
  out += node.without ? " without" : " by";
  AppendLabels(out, node.grouping);
  out += ' ';
}

void AppendOperator(std::string& out, const BinaryExpr& node) {
  StrAppend(out, " ", ToString(node.op));
  if (node.return_bool) out += " bool";
  if (node.matching) AppendMatching(out, *node.matching);
}

void AppendSubqueryTime(std::string& out, const SubqueryExpr& node) {
  out += '[';
  AppendDuration(out, node.range);
  out += ':';
  if (node.has_step) AppendDuration(out, node.step);
  out += ']';
  AppendAt(out, node.time);
  AppendOffset(out, node.time);
}

std::string ToString(const Expr& expr) {
  std::string out;
  Append(out, expr);
  return out;
}

}  // namespace slurmscope::promql
