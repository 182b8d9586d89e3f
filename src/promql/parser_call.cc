#include "base/strings.h"
#include "promql/functions.h"
#include "promql/parser_impl.h"

namespace slurmscope::promql {
namespace {

using base::Quote;
using base::StrCat;

bool TakesParameter(AggregateOp op) { return op >= AggregateOp::kTopk; }

bool BeginsExpression(TokenKind kind) {
  switch (kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
    case TokenKind::kString:
    case TokenKind::kLeftParen:
    case TokenKind::kLeftBrace:
    case TokenKind::kAdd:
    case TokenKind::kSub:
      return true;
    default:
      return IsMetricName(kind);
  }
}

// The names of start(), step() and the like are keywords to the lexer, in any case.
const FunctionInfo* FindCalled(const Token& name) {
  switch (name.kind) {
    case TokenKind::kStart:
      return FindFunction("start");
    case TokenKind::kEnd:
      return FindFunction("end");
    case TokenKind::kStep:
      return FindFunction("step");
    case TokenKind::kRange:
      return FindFunction("range");
    case TokenKind::kMaxOf:
      return FindFunction("max_of");
    case TokenKind::kMinOf:
      return FindFunction("min_of");
    default:
      return FindFunction(name.text);
  }
}

}  // namespace

Result<ExprPtr> Parser::ParseCall() {
  Token name = token_;
  Advance();
  auto call = std::make_unique<Call>();
  call->args = TRY(ParseArguments());
  call->pos = {name.pos, last_end_};
  call->function = FindCalled(name);
  if (call->function == nullptr) {
    return FailAt(name.pos, StrCat("unknown function with name ", Quote(name.text)));
  }
  if (call->function->experimental && !options_.experimental_functions) {
    return FailAt(name.pos, StrCat("function ", Quote(name.text), " is not enabled"));
  }
  for (const ExprPtr& arg : call->args) TRY(Raise(call.get(), arg.get()));
  return call;
}

// From "(" to ")".
Result<std::vector<ExprPtr>> Parser::ParseArguments() {
  TRY(Expect(TokenKind::kLeftParen, {}, {}));
  std::vector<ExprPtr> args;
  if (At(TokenKind::kRightParen)) {
    Advance();
    return args;
  }
  while (true) {
    args.push_back(TRY(ParseBinary(0)));
    if (!At(TokenKind::kComma)) break;
    int comma = token_.pos;
    Advance();
    if (At(TokenKind::kError)) return Unexpected();
    if (!BeginsExpression(token_.kind)) {
      return FailAt(comma, "trailing commas not allowed in function call args");
    }
  }
  TRY(Expect(TokenKind::kRightParen, {}, {}));
  return args;
}

Result<ExprPtr> Parser::ParseAggregation() {
  auto aggregate = std::make_unique<AggregateExpr>();
  int index = static_cast<int>(token_.kind) - static_cast<int>(TokenKind::kSum);
  aggregate->op = static_cast<AggregateOp>(index);
  aggregate->op_pos = {token_.pos, token_.end()};
  Advance();
  bool modified = At(TokenKind::kBy) || At(TokenKind::kWithout);
  if (modified) TRY(ParseAggregateModifier(aggregate.get()));
  std::vector<ExprPtr> args = TRY(ParseArguments());
  if (!modified && (At(TokenKind::kBy) || At(TokenKind::kWithout))) {
    TRY(ParseAggregateModifier(aggregate.get()));
  }
  aggregate->pos = {aggregate->op_pos.start, last_end_};
  return FinishAggregation(std::move(aggregate), std::move(args));
}

Result<void> Parser::ParseAggregateModifier(AggregateExpr* aggregate) {
  aggregate->without = At(TokenKind::kWithout);
  Advance();
  aggregate->grouping = TRY(ParseLabelList());
  return {};
}

Result<ExprPtr> Parser::FinishAggregation(std::unique_ptr<AggregateExpr> aggregate,
                                          std::vector<ExprPtr> args) {
  int start = aggregate->pos.start;
  bool experimental =
      aggregate->op == AggregateOp::kLimitk || aggregate->op == AggregateOp::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    return FailAt(start, StrCat(ToString(aggregate->op),
                                "() is experimental and must be enabled with "
                                "--enable-feature=promql-experimental-functions"));
  }
  if (args.empty()) return FailAt(start, "no arguments for aggregate expression provided");
  size_t wanted = TakesParameter(aggregate->op) ? 2 : 1;
  if (args.size() != wanted) {
    return FailAt(start, StrCat("wrong number of arguments for aggregate expression provided, "
                                "expected ",
                                wanted, ", got ", args.size()));
  }
  for (const ExprPtr& arg : args) TRY(Raise(aggregate.get(), arg.get()));
  if (wanted == 2) aggregate->param = std::move(args[0]);
  aggregate->expr = std::move(args.back());
  return aggregate;
}

}  // namespace slurmscope::promql
