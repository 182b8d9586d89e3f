#include "promql/parser.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"
#include "promql/literals.h"
#include "promql/parse_error.h"
#include "promql/parser_impl.h"
#include "promql/type_check.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

tl::unexpected<base::Error> ParseError(std::string_view text, int pos, std::string_view message) {
  std::string_view before = text.substr(0, static_cast<size_t>(pos));
  auto lines = std::count(before.begin(), before.end(), '\n');
  size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  size_t column = before.size() - line_start + 1;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat(lines + 1, ":", column, ": parse error: ", message));
}

tl::unexpected<base::Error> Parser::FailAt(int pos, std::string_view message) const {
  return ParseError(text_, pos, message);
}

// A token that the lexer refused carries the better reason.
tl::unexpected<base::Error> Parser::Unexpected(std::string_view context,
                                               std::string_view expected) const {
  if (At(TokenKind::kError)) return FailAt(token_.pos, lexer_.error());
  std::string message = StrCat("unexpected ", Describe(token_));
  if (!context.empty()) base::StrAppend(message, " in ", context);
  if (!expected.empty()) base::StrAppend(message, ", expected ", expected);
  return FailAt(token_.pos, message);
}

void Parser::Advance() {
  last_end_ = token_.end();
  token_ = lexer_.Next();
}

TokenKind Parser::PeekKind() const {
  Lexer ahead = lexer_;
  return ahead.Next().kind;
}

Result<void> Parser::Expect(TokenKind kind, std::string_view context, std::string_view expected) {
  if (!At(kind)) return Unexpected(context, expected);
  Advance();
  return {};
}

Result<void> Parser::CheckDepth() const {
  if (depth_ <= options_.max_depth) return {};
  return FailAt(token_.pos, StrCat("expression is nested too deeply, the limit is ",
                                   options_.max_depth, " levels"));
}

Result<void> Parser::Raise(Expr* node, const Expr* a, const Expr* b) const {
  int below = std::max(a != nullptr ? a->height : 0, b != nullptr ? b->height : 0);
  node->height = std::max(node->height, below + 1);
  if (static_cast<size_t>(node->height) <= options_.max_height) return {};
  return FailAt(node->pos.start, StrCat("expression is too complex, the limit is ",
                                        options_.max_height, " levels of operations"));
}

// Of the number or duration in hand, a duration in seconds.
Result<double> Parser::NumberValue() {
  if (At(TokenKind::kDuration)) {
    Result<int64_t> ms = base::ParseDurationMs(token_.text);
    if (!ms) return FailAt(token_.pos, ms.error().message());
    return static_cast<double>(*ms) / 1000;
  }
  Result<double> value = ParseNumber(token_.text);
  if (!value) return FailAt(token_.pos, value.error().message());
  return *value;
}

Result<ExprPtr> Parser::ParseWhole() {
  Advance();
  if (At(TokenKind::kEof)) return FailAt(0, "no expression found in input");
  ExprPtr expr = TRY(ParseBinary(0));
  if (!At(TokenKind::kEof)) return Unexpected();
  return expr;
}

Result<std::unique_ptr<VectorSelector>> Parser::ParseSelectorAlone() {
  Advance();
  if (!IsMetricName(token_.kind) && !At(TokenKind::kLeftBrace)) return Unexpected();
  std::unique_ptr<VectorSelector> selector = TRY(ParseSelector());
  if (!At(TokenKind::kEof)) return Unexpected();
  return selector;
}

namespace {

Result<void> CheckLength(std::string_view text, size_t limit) {
  if (text.size() <= limit) return {};
  return ParseError(text, 0, StrCat("expression is longer than ", limit, " bytes"));
}

Result<std::unique_ptr<VectorSelector>> ParseSelector(std::string_view text) {
  ParserOptions options;
  TRY(CheckLength(text, options.max_length));
  return Parser(text, options).ParseSelectorAlone();
}

}  // namespace

Result<ExprPtr> ParseExpr(std::string_view text, const ParserOptions& options) {
  TRY(CheckLength(text, options.max_length));
  ExprPtr expr = TRY(Parser(text, options).ParseWhole());
  TRY(TypeCheck(text, expr.get()));
  return expr;
}

Result<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text) {
  std::unique_ptr<VectorSelector> selector = TRY(ParseSelector(text));
  if (!HasSelectiveMatcher(*selector)) {
    return Fail(ErrorCode::kInvalidArgument, "match[] must contain at least one non-empty matcher");
  }
  return std::move(selector->matchers);
}

Result<std::vector<model::Matcher>> ParseAnySelector(std::string_view text) {
  return std::move(TRY(ParseSelector(text))->matchers);
}

}  // namespace slurmscope::promql
