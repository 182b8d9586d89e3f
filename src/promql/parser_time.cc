#include <cmath>
#include <cstdio>

#include "base/strings.h"
#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

using base::StrCat;

constexpr std::string_view kBehindOperand =
    " modifier must be preceded by an instant vector selector or range vector selector or a "
    "subquery";

// The modifiers of what can have them; null for the rest.
TimeModifiers* TimeOf(Expr* expr) {
  switch (expr->kind()) {
    case NodeKind::kVectorSelector:
      return &static_cast<VectorSelector*>(expr)->time;
    case NodeKind::kMatrixSelector:
      return &static_cast<MatrixSelector*>(expr)->selector->time;
    case NodeKind::kSubquery:
      return &static_cast<SubqueryExpr*>(expr)->time;
    default:
      return nullptr;
  }
}

VectorSelector* SelectorOf(Expr* expr) {
  if (expr->kind() == NodeKind::kVectorSelector) return static_cast<VectorSelector*>(expr);
  if (expr->kind() == NodeKind::kMatrixSelector) {
    return static_cast<MatrixSelector*>(expr)->selector.get();
  }
  return nullptr;
}

bool IsSet(const DurationValue& value) {
  return value.ms != 0 || value.expr != nullptr || value.written != nullptr;
}

std::string SixDecimals(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  int n = std::snprintf(buffer, sizeof buffer, "%f", value);
  return std::string(buffer, static_cast<size_t>(n));
}

}  // namespace

Result<ExprPtr> Parser::ParsePostfix(ExprPtr operand) {
  while (true) {
    switch (token_.kind) {
      case TokenKind::kLeftBracket:
        operand = TRY(ParseBrackets(std::move(operand)));
        break;
      case TokenKind::kOffset:
        TRY(ParseOffset(operand.get()));
        break;
      case TokenKind::kAt:
        TRY(ParseAt(operand.get()));
        break;
      case TokenKind::kAnchored:
      case TokenKind::kSmoothed:
        TRY(ParseExtended(operand.get()));
        break;
      default:
        return operand;
    }
  }
}

Result<ExprPtr> Parser::ParseBrackets(ExprPtr operand) {
  Token open = token_;
  Advance();
  DurationValue range = TRY(ParseRangeDuration());
  if (At(TokenKind::kColon)) return ParseSubquery(std::move(operand), std::move(range));
  TRY(Expect(TokenKind::kRightBracket, "subquery or range", "\":\" or \"]\""));
  return MakeMatrix(std::move(operand), std::move(range), open);
}

Result<ExprPtr> Parser::MakeMatrix(ExprPtr operand, DurationValue range, const Token& open) {
  if (operand->kind() != NodeKind::kVectorSelector) {
    return FailAt(open.pos, "ranges only allowed for vector selectors");
  }
  auto matrix = std::make_unique<MatrixSelector>();
  matrix->selector.reset(static_cast<VectorSelector*>(operand.release()));
  if (IsSet(matrix->selector->time.offset)) {
    return FailAt(open.pos, "no offset modifiers allowed before range");
  }
  if (matrix->selector->time.at != AtModifier::kNone) {
    return FailAt(open.pos, "no @ modifiers allowed before range");
  }
  matrix->range = std::move(range);
  matrix->pos = {matrix->selector->pos.start, last_end_};
  TRY(Raise(matrix.get(), matrix->selector.get()));
  return matrix;
}

// From the colon on.
Result<ExprPtr> Parser::ParseSubquery(ExprPtr operand, DurationValue range) {
  auto subquery = std::make_unique<SubqueryExpr>();
  Advance();
  if (!At(TokenKind::kRightBracket)) {
    subquery->has_step = true;
    subquery->step = TRY(ParseRangeDuration());
  }
  TRY(Expect(TokenKind::kRightBracket, "subquery selector", "\"]\""));
  subquery->pos = {operand->pos.start, last_end_};
  subquery->range = std::move(range);
  TRY(Raise(subquery.get(), operand.get()));
  subquery->expr = std::move(operand);
  return subquery;
}

Result<void> Parser::ParseOffset(Expr* operand) {
  Advance();
  DurationValue offset = TRY(ParseOffsetDuration());
  TimeModifiers* time = TimeOf(operand);
  if (time == nullptr) return FailAt(operand->pos.start, StrCat("offset", kBehindOperand));
  if (IsSet(time->offset)) {
    return FailAt(operand->pos.start, "offset may not be set multiple times");
  }
  time->offset = std::move(offset);
  operand->pos.end = last_end_;
  return {};
}

Result<void> Parser::ParseAt(Expr* operand) {
  Advance();
  int start = operand->pos.start;
  TimeModifiers parsed;
  TRY(ParseAtTime(start, &parsed));
  TimeModifiers* time = TimeOf(operand);
  if (time == nullptr) return FailAt(start, StrCat("@", kBehindOperand));
  if (time->at != AtModifier::kNone) {
    return FailAt(start, "@ <timestamp> may not be set multiple times");
  }
  time->at = parsed.at;
  time->at_ms = parsed.at_ms;
  operand->pos.end = last_end_;
  return {};
}

Result<void> Parser::ParseAtTime(int error_pos, TimeModifiers* time) {
  constexpr std::string_view kContext = "@";
  constexpr std::string_view kExpected = "timestamp";
  if (At(TokenKind::kStart) || At(TokenKind::kEnd)) {
    time->at = At(TokenKind::kStart) ? AtModifier::kStart : AtModifier::kEnd;
    Advance();
    TRY(Expect(TokenKind::kLeftParen, kContext, kExpected));
    return Expect(TokenKind::kRightParen, kContext, kExpected);
  }
  bool negative = At(TokenKind::kSub);
  if (negative || At(TokenKind::kAdd)) Advance();
  if (!At(TokenKind::kNumber) && !At(TokenKind::kDuration)) return Unexpected(kContext, kExpected);
  double seconds = TRY(NumberValue());
  if (negative) seconds = -seconds;
  constexpr double kLimit = 9.2e15;  // its milliseconds fit an int64
  if (!(std::fabs(seconds) < kLimit)) {
    return FailAt(error_pos,
                  StrCat("timestamp out of bounds for @ modifier: ", SixDecimals(seconds)));
  }
  time->at = AtModifier::kTimestamp;
  time->at_ms = static_cast<int64_t>(std::round(seconds * 1000));
  Advance();
  return {};
}

Result<void> Parser::ParseExtended(Expr* operand) {
  bool anchored = At(TokenKind::kAnchored);
  std::string_view name = anchored ? "anchored" : "smoothed";
  int start = operand->pos.start;
  if (!options_.extended_range_selectors) {
    return FailAt(start, StrCat(name, " modifier is experimental and not enabled"));
  }
  VectorSelector* selector = SelectorOf(operand);
  if (selector == nullptr) {
    // Word for word as Prometheus; the second one is what it says of sums, calls and numbers, which
    // can never take the modifier.
    bool subquery = operand->kind() == NodeKind::kSubquery;
    return FailAt(start, StrCat(name, subquery ? " modifier is not supported for subqueries"
                                               : " modifier not implemented"));
  }
  (anchored ? selector->anchored : selector->smoothed) = true;
  if (selector->anchored && selector->smoothed) {
    return FailAt(start, "anchored and smoothed modifiers cannot be used together");
  }
  Advance();
  operand->pos.end = last_end_;
  return {};
}

}  // namespace slurmscope::promql
