#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "promql/ast.h"
#include "promql/lexer.h"
#include "promql/parser.h"

namespace slurmscope::promql {

// Recursive descent with one token in hand (token_). A function that parses X begins with the first
// token of X in hand and ends with the one behind it. The first error ends the parse.
class Parser {
 public:
  Parser(std::string_view text, const ParserOptions& options)
      : text_(text), options_(options), lexer_(text) {}

  // The whole text as an expression, not yet type-checked.
  Result<ExprPtr> ParseWhole();
  // The whole text as a selector alone.
  Result<std::unique_ptr<VectorSelector>> ParseSelectorAlone();

 private:
  // What follows a binary operator: bool, on(), group_left(), fill().
  struct BinaryModifiers {
    bool return_bool = false;
    VectorMatching matching;
  };

  // parser_expr.cc
  Result<ExprPtr> ParseBinary(int min_precedence);
  Result<ExprPtr> ParseOperand();
  Result<ExprPtr> ParseUnary();
  Result<ExprPtr> ParsePrimary();
  Result<ExprPtr> ParseWord();
  Result<ExprPtr> ParseParen();
  Result<ExprPtr> ParseNumberLiteral();
  Result<ExprPtr> ParseStringLiteral();
  Result<ExprPtr> MakeBinary(const Token& op, BinaryModifiers modifiers, ExprPtr lhs, ExprPtr rhs);

  // parser_call.cc
  Result<ExprPtr> ParseCall();
  Result<ExprPtr> ParseAggregation();
  Result<void> ParseAggregateModifier(AggregateExpr* aggregate);
  Result<ExprPtr> FinishAggregation(std::unique_ptr<AggregateExpr> aggregate,
                                    std::vector<ExprPtr> args);
  Result<std::vector<ExprPtr>> ParseArguments();

  // parser_modifiers.cc
  Result<BinaryModifiers> ParseBinaryModifiers();
  Result<void> ParseGroupModifier(VectorMatching* matching);
  Result<void> ParseFill(VectorMatching* matching);
  Result<double> ParseFillValue();
  Result<std::vector<std::string>> ParseLabelList();
  Result<std::string> ParseGroupingLabel();

  // parser_selector.cc
  Result<std::unique_ptr<VectorSelector>> ParseSelector();
  Result<void> ParseMatchers(VectorSelector* selector);
  Result<void> ParseMatcher(VectorSelector* selector);

  // parser_time.cc: what follows an operand
  Result<ExprPtr> ParsePostfix(ExprPtr operand);
  Result<ExprPtr> ParseBrackets(ExprPtr operand);
  Result<ExprPtr> MakeMatrix(ExprPtr operand, DurationValue range, const Token& open);
  Result<ExprPtr> ParseSubquery(ExprPtr operand, DurationValue range);
  Result<void> ParseOffset(Expr* operand);
  Result<void> ParseAt(Expr* operand);
  Result<void> ParseAtTime(int error_pos, TimeModifiers* time);
  Result<void> ParseExtended(Expr* operand);

  // parser_duration.cc
  Result<DurationValue> ParseRangeDuration();
  Result<DurationValue> ParseOffsetDuration();
  Result<DurationExprPtr> ParseDurationBinary(int min_precedence);
  Result<DurationExprPtr> ParseDurationUnary(bool in_offset);
  Result<DurationExprPtr> ParseDurationPrimary();
  Result<DurationExprPtr> ParseDurationLiteral();
  Result<DurationExprPtr> ParseDurationCall();
  Result<DurationValue> Fold(DurationExprPtr expr);

  // parser.cc
  void Advance();
  bool At(TokenKind kind) const { return token_.kind == kind; }
  TokenKind PeekKind() const;
  Result<void> Expect(TokenKind kind, std::string_view context, std::string_view expected);
  // Counts one level more of nesting for as long as it lives.
  class Nested;
  Result<void> CheckDepth() const;
  // Sets the node's height from its children's.
  Result<void> Raise(Expr* node, const Expr* a, const Expr* b = nullptr) const;
  Result<double> NumberValue();

  tl::unexpected<base::Error> Unexpected(std::string_view context = {},
                                         std::string_view expected = {}) const;
  tl::unexpected<base::Error> FailAt(int pos, std::string_view message) const;

  std::string_view text_;
  const ParserOptions& options_;
  Lexer lexer_;
  Token token_;
  int last_end_ = 0;  // end of the token before token_
  size_t depth_ = 0;
  std::string_view duration_context_;  // where the duration in hand stands, for messages
};

class Parser::Nested {
 public:
  explicit Nested(Parser* parser) : parser_(parser) { ++parser_->depth_; }
  ~Nested() { --parser_->depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Parser* parser_;
};

}  // namespace slurmscope::promql
