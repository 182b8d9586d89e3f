#include "base/strings.h"
#include "promql/literals.h"
#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

constexpr int kPowerPrecedence = 6;

// 0: no binary operator.
int Precedence(TokenKind kind) {
  switch (kind) {
    case TokenKind::kOr:
      return 1;
    case TokenKind::kAnd:
    case TokenKind::kUnless:
      return 2;
    case TokenKind::kEqual:
    case TokenKind::kNotEqual:
    case TokenKind::kGreater:
    case TokenKind::kLess:
    case TokenKind::kGreaterEqual:
    case TokenKind::kLessEqual:
    case TokenKind::kTrimUpper:
    case TokenKind::kTrimLower:
      return 3;
    case TokenKind::kAdd:
    case TokenKind::kSub:
      return 4;
    case TokenKind::kMul:
    case TokenKind::kDiv:
    case TokenKind::kMod:
    case TokenKind::kAtan2:
      return 5;
    case TokenKind::kPow:
      return kPowerPrecedence;
    default:
      return 0;
  }
}

BinaryOp OperatorOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kSub:
      return BinaryOp::kSub;
    case TokenKind::kMul:
      return BinaryOp::kMul;
    case TokenKind::kDiv:
      return BinaryOp::kDiv;
    case TokenKind::kMod:
      return BinaryOp::kMod;
    case TokenKind::kPow:
      return BinaryOp::kPow;
    case TokenKind::kAtan2:
      return BinaryOp::kAtan2;
    case TokenKind::kEqual:
      return BinaryOp::kEqual;
    case TokenKind::kNotEqual:
      return BinaryOp::kNotEqual;
    case TokenKind::kGreater:
      return BinaryOp::kGreater;
    case TokenKind::kLess:
      return BinaryOp::kLess;
    case TokenKind::kGreaterEqual:
      return BinaryOp::kGreaterEqual;
    case TokenKind::kLessEqual:
      return BinaryOp::kLessEqual;
    case TokenKind::kTrimUpper:
      return BinaryOp::kTrimUpper;
    case TokenKind::kTrimLower:
      return BinaryOp::kTrimLower;
    case TokenKind::kAnd:
      return BinaryOp::kAnd;
    case TokenKind::kOr:
      return BinaryOp::kOr;
    case TokenKind::kUnless:
      return BinaryOp::kUnless;
    default:
      return BinaryOp::kAdd;
  }
}

}  // namespace

// Operators of at least `min_precedence`. All associate to the left but the power.
Result<ExprPtr> Parser::ParseBinary(int min_precedence) {
  Nested nested(this);
  TRY(CheckDepth());
  ExprPtr lhs = TRY(ParseOperand());
  while (true) {
    int precedence = Precedence(token_.kind);
    if (precedence == 0 || precedence < min_precedence) return lhs;
    Token op = token_;
    Advance();
    BinaryModifiers modifiers = TRY(ParseBinaryModifiers());
    int next = precedence == kPowerPrecedence ? precedence : precedence + 1;
    ExprPtr rhs = TRY(ParseBinary(next));
    lhs = TRY(MakeBinary(op, std::move(modifiers), std::move(lhs), std::move(rhs)));
  }
}

Result<ExprPtr> Parser::MakeBinary(const Token& op, BinaryModifiers modifiers, ExprPtr lhs,
                                   ExprPtr rhs) {
  auto binary = std::make_unique<BinaryExpr>();
  binary->op = OperatorOf(op.kind);
  binary->op_pos = {op.pos, op.end()};
  binary->pos = {lhs->pos.start, rhs->pos.end};
  binary->return_bool = modifiers.return_bool;
  VectorMatching& matching = modifiers.matching;
  if ((matching.fill_left || matching.fill_right) && !options_.fill_modifiers) {
    return FailAt(binary->pos.start, "binop fill modifiers are experimental and not enabled");
  }
  if (IsSetOperator(binary->op) && matching.card == Cardinality::kOneToOne) {
    matching.card = Cardinality::kManyToMany;
  }
  binary->matching = std::move(matching);
  TRY(Raise(binary.get(), lhs.get(), rhs.get()));
  binary->lhs = std::move(lhs);
  binary->rhs = std::move(rhs);
  return binary;
}

Result<ExprPtr> Parser::ParseOperand() {
  if (At(TokenKind::kAdd) || At(TokenKind::kSub)) return ParseUnary();
  return ParsePostfix(TRY(ParsePrimary()));
}

// A sign binds less than the power: -1^2 is -(1^2).
Result<ExprPtr> Parser::ParseUnary() {
  int start = token_.pos;
  bool negative = At(TokenKind::kSub);
  Advance();
  ExprPtr operand = TRY(ParseBinary(kPowerPrecedence));
  if (operand->kind() == NodeKind::kNumber) {
    auto& number = static_cast<NumberLiteral&>(*operand);
    if (negative) number.value = -number.value;
    number.pos.start = start;
    return operand;
  }
  auto unary = std::make_unique<UnaryExpr>();
  unary->negative = negative;
  unary->pos = {start, operand->pos.end};
  TRY(Raise(unary.get(), operand.get()));
  unary->expr = std::move(operand);
  return unary;
}

Result<ExprPtr> Parser::ParsePrimary() {
  switch (token_.kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
      return ParseNumberLiteral();
    case TokenKind::kString:
      return ParseStringLiteral();
    case TokenKind::kLeftParen:
      return ParseParen();
    case TokenKind::kLeftBrace:
      return TRY(ParseSelector());
    default:
      break;
  }
  if (IsMetricName(token_.kind)) return ParseWord();
  return Unexpected();
}

// An aggregation, a function call, or a metric, by what follows the word.
Result<ExprPtr> Parser::ParseWord() {
  TokenKind next = PeekKind();
  if (IsAggregation(token_.kind) &&
      (next == TokenKind::kLeftParen || next == TokenKind::kBy || next == TokenKind::kWithout)) {
    return ParseAggregation();
  }
  bool may_be_function = token_.kind == TokenKind::kIdentifier || token_.kind >= TokenKind::kStart;
  if (may_be_function && next == TokenKind::kLeftParen) return ParseCall();
  return TRY(ParseSelector());
}

Result<ExprPtr> Parser::ParseParen() {
  auto paren = std::make_unique<ParenExpr>();
  paren->pos.start = token_.pos;
  Advance();
  paren->expr = TRY(ParseBinary(0));
  TRY(Expect(TokenKind::kRightParen, {}, {}));
  paren->pos.end = last_end_;
  TRY(Raise(paren.get(), paren->expr.get()));
  return paren;
}

Result<ExprPtr> Parser::ParseNumberLiteral() {
  auto number = std::make_unique<NumberLiteral>();
  number->pos = {token_.pos, token_.end()};
  number->is_duration = At(TokenKind::kDuration);
  number->value = TRY(NumberValue());
  Advance();
  return number;
}

Result<ExprPtr> Parser::ParseStringLiteral() {
  auto literal = std::make_unique<StringLiteral>();
  literal->pos = {token_.pos, token_.end()};
  literal->value = Unquote(token_.text);
  Advance();
  return literal;
}

}  // namespace slurmscope::promql
