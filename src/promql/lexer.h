#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace slurmscope::promql {

enum class TokenKind : uint8_t {
  kEof,
  kError,
  kIdentifier,        // a word that is no keyword, without ':'
  kMetricIdentifier,  // a word with ':'
  kNumber,            // also Inf and NaN
  kDuration,
  kString,
  kComma,
  kColon,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kAssign,  // "=" of a label matcher
  // Operators.
  kEqualRegex,
  kNotEqualRegex,
  kAt,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterEqual,
  kLessEqual,
  kTrimUpper,
  kTrimLower,
  kAtan2,
  kAnd,
  kOr,
  kUnless,
  // Aggregations.
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
  // Keywords that are not metric names.
  kBool,
  kGroupLeft,
  kGroupRight,
  kIgnoring,
  kOn,
  // Keywords that may be metric names.
  kBy,
  kWithout,
  kOffset,
  kAnchored,
  kSmoothed,
  kFill,
  kFillLeft,
  kFillRight,
  // Words with a meaning only before '('.
  kStart,
  kEnd,
  kStep,
  kRange,
  kMaxOf,
  kMinOf,
};

struct Token {
  TokenKind kind = TokenKind::kEof;
  int pos = 0;
  std::string_view text;  // as written, with the quotes of a string

  int end() const { return pos + static_cast<int>(text.size()); }
};

bool IsAggregation(TokenKind kind);
// What can stand for a label name in by(), on() and their like: words and keywords, not strings.
bool IsWord(TokenKind kind);
// What can stand for a metric name before braces.
bool IsMetricName(TokenKind kind);
// A token as Prometheus' messages call it: `identifier "x"`, `<op:*>`, `"}"`, `end of input`.
std::string Describe(const Token& token);

// Cuts PromQL into tokens, one a call. A token may mean different things in braces (label
// matchers), in brackets (durations) and elsewhere; the lexer follows the nesting. Copyable, to
// look ahead. Keeps views of `text`.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // The next token; kEof at the end. After kError, error() says why and further calls are
  // meaningless.
  Token Next();
  const std::string& error() const { return error_; }

 private:
  Token NextPlain();
  Token NextInBraces();
  Token NextInBrackets();
  Token Comparison();
  Token Punctuation(char c);
  Token CloseParen();
  Token Number();
  Token Word();
  Token WordInBrackets();
  Token String();
  Token RawString();
  Token AtEnd();

  void SkipSpace(bool comments);
  bool ScanNumber();
  bool ScanDuration();
  bool ScanEscape(char quote);
  bool ScanEscapeDigits(int count, uint32_t base, uint32_t max);
  size_t RuneLength(size_t at) const;  // 0: not UTF-8
  std::string QuotedRune(size_t at) const;

  char Peek(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  bool Done() const { return pos_ >= text_.size(); }
  bool Accept(char c);
  bool AcceptAny(std::string_view characters);
  Token Emit(TokenKind kind);
  Token EmitAfter(size_t length, TokenKind kind);
  Token Fail(std::string message);

  std::string_view text_;
  size_t start_ = 0;
  size_t pos_ = 0;
  int parens_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool after_duration_ = false;  // in brackets: the last token was a number or duration
  std::string error_;
};

}  // namespace slurmscope::promql
