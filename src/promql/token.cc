#include "base/strings.h"
#include "promql/lexer.h"

namespace slurmscope::promql {
namespace {

bool Between(TokenKind kind, TokenKind first, TokenKind last) {
  return kind >= first && kind <= last;
}

std::string QuoteShort(std::string_view text) {
  constexpr size_t kLimit = 10;
  if (text.size() <= kLimit) return base::Quote(text);
  return base::StrCat(base::Quote(text.substr(0, kLimit)), "...");
}

}  // namespace

bool IsAggregation(TokenKind kind) {
  return Between(kind, TokenKind::kSum, TokenKind::kLimitRatio);
}

bool IsWord(TokenKind kind) {
  return kind == TokenKind::kIdentifier || kind == TokenKind::kMetricIdentifier ||
         kind >= TokenKind::kAtan2;
}

bool IsMetricName(TokenKind kind) {
  return IsWord(kind) && kind != TokenKind::kAtan2 &&
         !Between(kind, TokenKind::kBool, TokenKind::kOn);
}

std::string Describe(const Token& token) {
  TokenKind kind = token.kind;
  switch (kind) {
    case TokenKind::kEof:
      return "end of input";
    case TokenKind::kIdentifier:
      return base::StrCat("identifier ", base::Quote(token.text));
    case TokenKind::kMetricIdentifier:
      return base::StrCat("metric identifier ", base::Quote(token.text));
    case TokenKind::kNumber:
      return base::StrCat("number ", QuoteShort(token.text));
    case TokenKind::kDuration:
      return base::StrCat("duration ", QuoteShort(token.text));
    case TokenKind::kString:
      return base::StrCat("string ", QuoteShort(token.text));
    default:
      break;
  }
  if (Between(kind, TokenKind::kEqualRegex, TokenKind::kUnless)) {
    return base::StrCat("<op:", token.text, ">");
  }
  if (IsAggregation(kind)) return base::StrCat("<aggr:", token.text, ">");
  if (Between(kind, TokenKind::kBool, TokenKind::kFillRight)) {
    return base::StrCat("<", token.text, ">");
  }
  return base::Quote(token.text);
}

}  // namespace slurmscope::promql
