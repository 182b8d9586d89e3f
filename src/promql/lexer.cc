#include "promql/lexer.h"

#include "base/strings.h"
#include "promql/keywords.h"
#include "promql/rune.h"

namespace slurmscope::promql {
namespace {

using base::StrCat;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsWordCharacter(char c) { return IsLetter(c) || IsDigit(c); }

int DigitValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

}  // namespace

Token Lexer::Next() {
  if (in_braces_) return NextInBraces();
  if (in_brackets_) return NextInBrackets();
  return NextPlain();
}

Token Lexer::NextPlain() {
  SkipSpace(/*comments=*/true);
  if (Done()) return AtEnd();
  char c = Peek();
  if (IsLetter(c) || c == ':') return Word();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
  switch (c) {
    case '"':
    case '\'':
      return String();
    case '`':
      return RawString();
    case '=':
    case '!':
    case '<':
    case '>':
      return Comparison();
    case '{':
      in_braces_ = true;
      return EmitAfter(1, TokenKind::kLeftBrace);
    case '[':
      in_brackets_ = true;
      after_duration_ = false;
      return EmitAfter(1, TokenKind::kLeftBracket);
    case ']':
      return Fail("unexpected right bracket ']'");
    case '@':
      return EmitAfter(1, TokenKind::kAt);
    default:
      return Punctuation(c);
  }
}

Token Lexer::Punctuation(char c) {
  switch (c) {
    case ',':
      return EmitAfter(1, TokenKind::kComma);
    case '+':
      return EmitAfter(1, TokenKind::kAdd);
    case '-':
      return EmitAfter(1, TokenKind::kSub);
    case '*':
      return EmitAfter(1, TokenKind::kMul);
    case '/':
      return EmitAfter(1, TokenKind::kDiv);
    case '%':
      return EmitAfter(1, TokenKind::kMod);
    case '^':
      return EmitAfter(1, TokenKind::kPow);
    case '(':
      ++parens_;
      return EmitAfter(1, TokenKind::kLeftParen);
    case ')':
      return CloseParen();
    default:
      break;
  }
  std::string_view where = in_brackets_ ? " in duration expression" : "";
  return Fail(StrCat("unexpected character", where, ": ", QuotedRune(pos_)));
}

Token Lexer::CloseParen() {
  ++pos_;
  if (parens_ > 0) {
    --parens_;
    return Emit(TokenKind::kRightParen);
  }
  start_ = pos_;
  return Fail("unexpected right parenthesis ')'");
}

Token Lexer::AtEnd() {
  if (parens_ > 0) return Fail("unclosed left parenthesis");
  return Emit(TokenKind::kEof);
}

Token Lexer::Comparison() {
  char first = Peek();
  char second = Peek(1);
  if (second == '=') {
    switch (first) {
      case '=':
        return EmitAfter(2, TokenKind::kEqual);
      case '!':
        return EmitAfter(2, TokenKind::kNotEqual);
      case '<':
        return EmitAfter(2, TokenKind::kLessEqual);
      default:
        return EmitAfter(2, TokenKind::kGreaterEqual);
    }
  }
  if (first == '<') {
    return second == '/' ? EmitAfter(2, TokenKind::kTrimUpper) : EmitAfter(1, TokenKind::kLess);
  }
  if (first == '>') {
    return second == '/' ? EmitAfter(2, TokenKind::kTrimLower) : EmitAfter(1, TokenKind::kGreater);
  }
  if (first == '=' && second != '~') return EmitAfter(1, TokenKind::kAssign);
  if (pos_ + 1 >= text_.size()) return Fail("unexpected end of input after '!'");
  return Fail(StrCat("unexpected character after '", first, "': ", QuotedRune(pos_ + 1)));
}

Token Lexer::NextInBraces() {
  SkipSpace(/*comments=*/true);
  if (Done()) return Fail("unexpected end of input inside braces");
  char c = Peek();
  if (IsLetter(c)) {
    while (IsWordCharacter(Peek())) ++pos_;
    return Emit(TokenKind::kIdentifier);
  }
  switch (c) {
    case ',':
      return EmitAfter(1, TokenKind::kComma);
    case '"':
    case '\'':
      return String();
    case '`':
      return RawString();
    case '=':
      return Peek(1) == '~' ? EmitAfter(2, TokenKind::kEqualRegex)
                            : EmitAfter(1, TokenKind::kAssign);
    case '!':
      if (Peek(1) == '~') return EmitAfter(2, TokenKind::kNotEqualRegex);
      if (Peek(1) == '=') return EmitAfter(2, TokenKind::kNotEqual);
      return Fail(StrCat("unexpected character after '!' inside braces: ", QuotedRune(pos_ + 1)));
    case '{':
      return Fail("unexpected left brace '{'");
    case '}':
      in_braces_ = false;
      return EmitAfter(1, TokenKind::kRightBrace);
    default:
      return Fail(StrCat("unexpected character inside braces: ", QuotedRune(pos_)));
  }
}

Token Lexer::NextInBrackets() {
  SkipSpace(/*comments=*/false);
  if (Done()) return Fail("unexpected end of input in duration expression");
  char c = Peek();
  if (IsLetter(c)) return WordInBrackets();
  if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
    after_duration_ = true;
    return Number();
  }
  after_duration_ = false;
  if (c == ':') return EmitAfter(1, TokenKind::kColon);
  if (c == ']') {
    in_brackets_ = false;
    return EmitAfter(1, TokenKind::kRightBracket);
  }
  return Punctuation(c);
}

Token Lexer::WordInBrackets() {
  if (after_duration_) {
    return Fail(StrCat("unexpected character: ", QuotedRune(pos_), ", expected ':'"));
  }
  while (IsWordCharacter(Peek())) ++pos_;
  TokenKind kind = KeywordKind(text_.substr(start_, pos_ - start_));
  if (kind >= TokenKind::kStep && kind <= TokenKind::kMinOf) return Emit(kind);
  return Fail(StrCat("unexpected character in duration expression: ", QuotedRune(start_)));
}

Token Lexer::Word() {
  bool colon = false;
  while (IsWordCharacter(Peek()) || Peek() == ':') {
    colon = colon || Peek() == ':';
    ++pos_;
  }
  if (colon) return Emit(TokenKind::kMetricIdentifier);
  return Emit(KeywordKind(text_.substr(start_, pos_ - start_)));
}

Token Lexer::Number() {
  if (ScanNumber()) return Emit(TokenKind::kNumber);
  if (ScanDuration()) return Emit(TokenKind::kDuration);
  std::string_view read = text_.substr(start_, pos_ - start_);
  return Fail(StrCat("bad number or duration syntax: ", base::Quote(read)));
}

// Digits with at most one point and one exponent, underscores between digits; or hexadecimal. False
// where it cannot be a number, with what was read left consumed: a duration begins the same way.
bool Lexer::ScanNumber() {
  if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
    pos_ += 2;
    while (DigitValue(Peek()) < 16 || Peek() == '_') ++pos_;
    return text_[pos_ - 1] != '_' && DigitValue(text_[pos_ - 1]) < 16 && !IsWordCharacter(Peek());
  }
  bool point = false;
  bool exponent = false;
  while (true) {
    char c = Peek();
    char before = pos_ > start_ ? text_[pos_ - 1] : '\0';
    if (c == '.') {
      ++pos_;
      if (point || exponent || before == '_') return false;
      point = true;
    } else if (c == 'e' || c == 'E') {
      if (exponent || before == '_') return false;
      char next = Peek(1);
      bool sign = next == '+' || next == '-';
      if (!IsDigit(sign ? Peek(2) : next)) return false;
      pos_ += sign ? 2 : 1;
      exponent = true;
    } else if (c == '_') {
      if (!IsDigit(before) || !IsDigit(Peek(1))) return false;
      ++pos_;
    } else if (IsDigit(c)) {
      ++pos_;
    } else {
      return !IsWordCharacter(c);
    }
  }
}

bool Lexer::ScanDuration() {
  if (!AcceptAny("smhdwy")) return false;
  Accept('s');  // of "ms"; a bad unit such as "hs" is found when the duration is read
  while (IsDigit(Peek())) {
    while (IsDigit(Peek())) ++pos_;
    if (!AcceptAny("smhdw")) return false;
    Accept('s');
  }
  if (!IsWordCharacter(Peek())) return true;
  ++pos_;
  return false;
}

Token Lexer::String() {
  char quote = Peek();
  ++pos_;
  while (true) {
    if (Done() || Peek() == '\n') return Fail("unterminated quoted string");
    char c = Peek();
    if (c == quote) return EmitAfter(1, TokenKind::kString);
    if (c == '\\') {
      if (!ScanEscape(quote)) return Fail(error_);
      continue;
    }
    size_t length = RuneLength(pos_);
    if (length == 0) return Fail("invalid UTF-8 rune");
    pos_ += length;
  }
}

Token Lexer::RawString() {
  ++pos_;
  while (!Done()) {
    if (Peek() == '`') return EmitAfter(1, TokenKind::kString);
    size_t length = RuneLength(pos_);
    if (length == 0) return Fail("invalid UTF-8 rune");
    pos_ += length;
  }
  return Fail("unterminated raw string");
}

bool Lexer::ScanEscape(char quote) {
  ++pos_;
  if (Done()) {
    error_ = "escape sequence not terminated";
    return false;
  }
  char c = Peek();
  if (c == quote || std::string_view("abfnrtv\\").find(c) != std::string_view::npos) {
    ++pos_;
    return true;
  }
  if (c >= '0' && c <= '7') return ScanEscapeDigits(3, 8, 255);
  size_t length = RuneLength(pos_);
  if (c != 'x' && c != 'u' && c != 'U') {
    error_ = length == 0 ? "invalid UTF-8 rune"
                         : StrCat("unknown escape sequence ", DescribeRune(text_.substr(pos_)));
    return false;
  }
  ++pos_;
  if (c == 'x') return ScanEscapeDigits(2, 16, 255);
  return ScanEscapeDigits(c == 'u' ? 4 : 8, 16, 0x10FFFF);
}

bool Lexer::ScanEscapeDigits(int count, uint32_t base, uint32_t max) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    if (Done()) {
      error_ = "escape sequence not terminated";
      return false;
    }
    auto digit = static_cast<uint32_t>(DigitValue(Peek()));
    if (digit >= base) {
      error_ =
          StrCat("illegal character ", DescribeRune(text_.substr(pos_)), " in escape sequence");
      return false;
    }
    value = value * base + digit;
    ++pos_;
  }
  if (value <= max && (value < 0xD800 || value > 0xDFFF)) return true;
  error_ = "escape sequence is an invalid Unicode code point";
  return false;
}

void Lexer::SkipSpace(bool comments) {
  while (!Done()) {
    if (IsSpace(Peek())) {
      ++pos_;
    } else if (comments && Peek() == '#') {
      while (!Done() && Peek() != '\n') ++pos_;
    } else {
      break;
    }
  }
  start_ = pos_;
}

size_t Lexer::RuneLength(size_t at) const { return DecodeRune(text_.substr(at)).length; }

std::string Lexer::QuotedRune(size_t at) const { return QuoteRune(text_.substr(at)); }

bool Lexer::Accept(char c) {
  if (Done() || Peek() != c) return false;
  ++pos_;
  return true;
}

bool Lexer::AcceptAny(std::string_view characters) {
  if (Done() || characters.find(Peek()) == std::string_view::npos) return false;
  ++pos_;
  return true;
}

Token Lexer::Emit(TokenKind kind) {
  return {kind, static_cast<int>(start_), text_.substr(start_, pos_ - start_)};
}

Token Lexer::EmitAfter(size_t length, TokenKind kind) {
  pos_ += length;
  return Emit(kind);
}

Token Lexer::Fail(std::string message) {
  error_ = std::move(message);
  return {TokenKind::kError, static_cast<int>(start_), {}};
}

}  // namespace slurmscope::promql
