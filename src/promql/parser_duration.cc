#include <cmath>

#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

constexpr std::string_view kExpected = "number, duration, step(), or range()";
constexpr double kMaxSeconds = 9223372036.0;  // Go's time.Duration counts nanoseconds in 63 bits
constexpr int kPowerPrecedence = 3;

// 0: no operator.
int Precedence(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAdd:
    case TokenKind::kSub:
      return 1;
    case TokenKind::kMul:
    case TokenKind::kDiv:
    case TokenKind::kMod:
      return 2;
    case TokenKind::kPow:
      return kPowerPrecedence;
    default:
      return 0;
  }
}

DurationOp OperatorOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kSub:
      return DurationOp::kSub;
    case TokenKind::kMul:
      return DurationOp::kMul;
    case TokenKind::kDiv:
      return DurationOp::kDiv;
    case TokenKind::kMod:
      return DurationOp::kMod;
    case TokenKind::kPow:
      return DurationOp::kPow;
    default:
      return DurationOp::kAdd;
  }
}

bool IsLiteral(const DurationExpr& expr) { return expr.op == DurationOp::kLiteral; }

bool IsConstant(const DurationExpr& expr) {
  if (expr.op == DurationOp::kStep || expr.op == DurationOp::kRange) return false;
  return (!expr.lhs || IsConstant(*expr.lhs)) && (!expr.rhs || IsConstant(*expr.rhs));
}

// Of a constant, in seconds.
double Evaluate(const DurationExpr& expr) {
  double a = expr.lhs ? Evaluate(*expr.lhs) : 0;
  double b = expr.rhs ? Evaluate(*expr.rhs) : 0;
  switch (expr.op) {
    case DurationOp::kLiteral:
      return expr.seconds;
    case DurationOp::kAdd:
      return a + b;
    case DurationOp::kSub:
      return a - b;
    case DurationOp::kMul:
      return a * b;
    case DurationOp::kDiv:
      return a / b;
    case DurationOp::kMod:
      return std::fmod(a, b);
    case DurationOp::kPow:
      return std::pow(a, b);
    case DurationOp::kNegate:
      return -a;
    case DurationOp::kMin:
      return std::fmin(a, b);
    case DurationOp::kMax:
      return std::fmax(a, b);
    case DurationOp::kStep:
    case DurationOp::kRange:
      break;
  }
  return 0;
}

}  // namespace

// In brackets: must be more than nothing where that can be told.
Result<DurationValue> Parser::ParseRangeDuration() {
  duration_context_ = "subquery or range selector";
  int start = token_.pos;
  DurationExprPtr expr = TRY(ParseDurationBinary(0));
  DurationValue value = TRY(Fold(std::move(expr)));
  if (!value.expr && value.ms <= 0) return FailAt(start, "duration must be greater than 0");
  return value;
}

// After offset arithmetic needs parentheses: x offset 1m + 2 is (x offset 1m) + 2.
Result<DurationValue> Parser::ParseOffsetDuration() {
  duration_context_ = "offset";
  DurationExprPtr expr = TRY(ParseDurationUnary(/*in_offset=*/true));
  return Fold(std::move(expr));
}

Result<DurationValue> Parser::Fold(DurationExprPtr expr) {
  DurationValue value;
  if (!IsConstant(*expr)) {
    value.expr = std::move(expr);
    return value;
  }
  double seconds = Evaluate(*expr);
  if (!(std::fabs(seconds) <= kMaxSeconds)) {
    return FailAt(expr->pos.start, "duration out of range");
  }
  value.ms = std::llround(seconds * 1000);
  if (!IsLiteral(*expr) || expr->wrapped) value.written = std::move(expr);
  return value;
}

Result<DurationExprPtr> Parser::ParseDurationBinary(int min_precedence) {
  Nested nested(this);
  TRY(CheckDepth());
  DurationExprPtr lhs = TRY(ParseDurationUnary(/*in_offset=*/false));
  while (true) {
    int precedence = Precedence(token_.kind);
    if (precedence == 0 || precedence < min_precedence) return lhs;
    Token op = token_;
    Advance();
    int next = precedence == kPowerPrecedence ? precedence : precedence + 1;
    DurationExprPtr rhs = TRY(ParseDurationBinary(next));
    bool divides = op.kind == TokenKind::kDiv || op.kind == TokenKind::kMod;
    if (divides && IsLiteral(*rhs) && rhs->seconds == 0) {
      return FailAt(op.pos, op.kind == TokenKind::kDiv ? "division by zero" : "modulo by zero");
    }
    auto binary = std::make_unique<DurationExpr>();
    binary->op = OperatorOf(op.kind);
    binary->pos = {lhs->pos.start, rhs->pos.end};
    TRY(Raise(binary.get(), lhs.get(), rhs.get()));
    binary->lhs = std::move(lhs);
    binary->rhs = std::move(rhs);
    lhs = std::move(binary);
  }
}

Result<DurationExprPtr> Parser::ParseDurationUnary(bool in_offset) {
  if (!At(TokenKind::kAdd) && !At(TokenKind::kSub)) return ParseDurationPrimary();
  Nested nested(this);
  TRY(CheckDepth());
  int start = token_.pos;
  bool negative = At(TokenKind::kSub);
  Advance();
  DurationExprPtr operand =
      TRY(in_offset ? ParseDurationUnary(in_offset) : ParseDurationBinary(kPowerPrecedence));
  if (!negative) return operand;
  if (IsLiteral(*operand) && !operand->wrapped) {
    operand->seconds = -operand->seconds;
    operand->pos.start = start;
    return operand;
  }
  auto unary = std::make_unique<DurationExpr>();
  unary->op = DurationOp::kNegate;
  unary->pos = {start, operand->pos.end};
  TRY(Raise(unary.get(), operand.get()));
  unary->lhs = std::move(operand);
  return unary;
}

Result<DurationExprPtr> Parser::ParseDurationPrimary() {
  switch (token_.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
      return ParseDurationLiteral();
    case TokenKind::kStep:
    case TokenKind::kRange:
    case TokenKind::kMinOf:
    case TokenKind::kMaxOf:
      return ParseDurationCall();
    case TokenKind::kLeftParen:
      break;
    default:
      return Unexpected(duration_context_, kExpected);
  }
  int start = token_.pos;
  Advance();
  DurationExprPtr inner = TRY(ParseDurationBinary(0));
  TRY(Expect(TokenKind::kRightParen, {}, {}));
  inner->wrapped = true;
  inner->pos = {start, last_end_};
  return inner;
}

Result<DurationExprPtr> Parser::ParseDurationLiteral() {
  auto literal = std::make_unique<DurationExpr>();
  literal->pos = {token_.pos, token_.end()};
  literal->is_duration = At(TokenKind::kDuration);
  literal->seconds = TRY(NumberValue());
  if (!(literal->seconds <= kMaxSeconds)) return FailAt(token_.pos, "duration out of range");
  Advance();
  return literal;
}

Result<DurationExprPtr> Parser::ParseDurationCall() {
  auto call = std::make_unique<DurationExpr>();
  call->pos.start = token_.pos;
  switch (token_.kind) {
    case TokenKind::kStep:
      call->op = DurationOp::kStep;
      break;
    case TokenKind::kRange:
      call->op = DurationOp::kRange;
      break;
    case TokenKind::kMinOf:
      call->op = DurationOp::kMin;
      break;
    default:
      call->op = DurationOp::kMax;
      break;
  }
  Advance();
  TRY(Expect(TokenKind::kLeftParen, duration_context_, kExpected));
  bool pair = call->op == DurationOp::kMin || call->op == DurationOp::kMax;
  if (pair) {
    call->lhs = TRY(ParseDurationBinary(0));
    TRY(Expect(TokenKind::kComma, duration_context_, "\",\""));
    call->rhs = TRY(ParseDurationBinary(0));
    TRY(Raise(call.get(), call->lhs.get(), call->rhs.get()));
  }
  TRY(Expect(TokenKind::kRightParen, duration_context_, "\")\""));
  call->pos.end = last_end_;
  return call;
}

}  // namespace slurmscope::promql
