#include "rules/template_lexer.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using Kind = TemplateTokenKind;
using base::StrCat;

constexpr std::string_view kSpaces = " \t\r\n";

constexpr std::array<std::pair<std::string_view, Kind>, 13> kKeywords = {
    {{"true", Kind::kBool},
     {"false", Kind::kBool},
     {"block", Kind::kBlock},
     {"break", Kind::kBreak},
     {"continue", Kind::kContinue},
     {"define", Kind::kDefine},
     {"else", Kind::kElse},
     {"end", Kind::kEnd},
     {"if", Kind::kIf},
     {"nil", Kind::kNil},
     {"range", Kind::kRange},
     {"template", Kind::kTemplate},
     {"with", Kind::kWith}}};

bool IsSpace(char c) { return kSpaces.find(c) != std::string_view::npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// Bytes of letters beyond ASCII count as letters.
bool IsWordByte(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (c & 0x80) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<TemplateToken> Run() {
    while (!failed_ && !done_) Text();
    return std::move(tokens_);
  }

 private:
  std::string_view Rest() const { return text_.substr(pos_); }
  char Peek(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  bool AtEnd() const { return pos_ >= text_.size(); }

  // Emits what lies between start_ and pos_.
  void Emit(Kind kind) {
    std::string_view piece = text_.substr(start_, pos_ - start_);
    tokens_.push_back({kind, start_, line_, std::string(piece)});
    Skip();
  }
  void Skip() {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(start_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(pos_), '\n'));
    start_ = pos_;
  }
  void Fail(std::string problem) {
    tokens_.push_back({Kind::kError, start_, line_, std::move(problem)});
    failed_ = true;
  }
  // Go's %#U: U+007D '}'.
  std::string RuneText() const {
    std::string_view rest = Rest();
    size_t length = 1;
    while (length < rest.size() && length < 4 && (rest[length] & 0xC0) == 0x80) ++length;
    auto first = static_cast<uint8_t>(rest.empty() ? 0 : rest[0]);
    uint32_t rune = first < 0x80   ? first
                    : first < 0xE0 ? first & 0x1F
                    : first < 0xF0 ? first & 0x0F
                                   : first & 0x07;
    for (size_t i = 1; i < length && first >= 0x80; ++i)
      rune = rune << 6 | (static_cast<uint8_t>(rest[i]) & 0x3F);
    char code[16];
    std::snprintf(code, sizeof code, "U+%04X", rune);
    if (rest.empty() || rune < 0x20 || rune == 0x7F) return code;
    return StrCat(std::string_view(code), " '", rest.substr(0, first < 0x80 ? 1 : length), "'");
  }

  void Text();
  void Action();
  bool Comment(size_t marker);
  bool RightDelim();
  void Inside();
  void Quoted(char quote, Kind kind, std::string_view what);
  void RawQuoted();
  void Number();
  void Word();
  void FieldOrVariable(Kind kind);
  bool AtTerminator() const;

  std::string_view text_;
  size_t pos_ = 0;
  size_t start_ = 0;
  int line_ = 1;
  int parens_ = 0;
  bool failed_ = false;
  bool done_ = false;
  bool in_action_ = false;
  std::vector<TemplateToken> tokens_;
};

void Lexer::Text() {
  size_t delim = text_.find("{{", pos_);
  bool last = delim == std::string_view::npos;
  size_t end = last ? text_.size() : delim;
  bool trims =
      !last && delim + 3 < text_.size() && text_[delim + 2] == '-' && IsSpace(text_[delim + 3]);
  pos_ = end;
  if (trims) {
    while (pos_ > start_ && IsSpace(text_[pos_ - 1])) --pos_;
  }
  if (pos_ > start_) Emit(Kind::kText);
  pos_ = end;
  Skip();
  if (!last) return Action();
  Emit(Kind::kEof);
  done_ = true;
}

// From "{{" up to behind "}}".
void Lexer::Action() {
  size_t marker = Peek(2) == '-' && IsSpace(Peek(3)) ? 2 : 0;
  if (text_.substr(std::min(text_.size(), pos_ + 2 + marker)).starts_with("/*")) {
    Comment(marker);
    return;
  }
  pos_ += 2;
  Emit(Kind::kLeftDelim);
  pos_ += marker;
  Skip();
  parens_ = 0;
  in_action_ = true;
  while (in_action_ && !failed_) Inside();
}

bool Lexer::Comment(size_t marker) {
  pos_ += 2 + marker;
  Skip();
  size_t end = text_.find("*/", pos_ + 2);
  if (end == std::string_view::npos) {
    Fail("unclosed comment");
    return false;
  }
  pos_ = end + 2;
  bool trims = IsSpace(Peek()) && Rest().substr(1).starts_with("-}}");
  if (!trims && !Rest().starts_with("}}")) {
    Fail("comment ends before closing delimiter");
    return false;
  }
  pos_ += trims ? 4 : 2;
  while (trims && !AtEnd() && IsSpace(Peek())) ++pos_;
  Skip();
  return true;
}

// At "}}" or " -}}": emits it, and leaves the action.
bool Lexer::RightDelim() {
  bool trims = IsSpace(Peek()) && Rest().substr(1).starts_with("-}}");
  if (!trims && !Rest().starts_with("}}")) return false;
  if (parens_ > 0) {
    Fail("unclosed left paren");
    return true;
  }
  if (trims) {
    pos_ += 2;
    Skip();
  }
  pos_ += 2;
  Emit(Kind::kRightDelim);
  while (trims && !AtEnd() && IsSpace(Peek())) ++pos_;
  Skip();
  in_action_ = false;
  return true;
}

void Lexer::Inside() {
  if (RightDelim()) return;
  if (AtEnd()) return Fail("unclosed action");
  char c = Peek();
  if (IsSpace(c)) {
    while (!AtEnd() && IsSpace(Peek()) && !Rest().substr(1).starts_with("-}}")) ++pos_;
    return Emit(Kind::kSpace);
  }
  if (c == '"') return Quoted('"', Kind::kString, "unterminated quoted string");
  if (c == '\'') return Quoted('\'', Kind::kCharConstant, "unterminated character constant");
  if (c == '`') return RawQuoted();
  if (c == '$') return FieldOrVariable(Kind::kVariable);
  if (c == '.' && !IsDigit(Peek(1))) return FieldOrVariable(Kind::kField);
  if (c == '+' || c == '-' || c == '.' || IsDigit(c)) return Number();
  if (IsWordByte(c)) return Word();
  ++pos_;
  switch (c) {
    case ':':
      if (Peek() != '=') return Fail("expected :=");
      ++pos_;
      return Emit(Kind::kDeclare);
    case '=':
      return Emit(Kind::kAssign);
    case '|':
      return Emit(Kind::kPipe);
    case '(':
      ++parens_;
      return Emit(Kind::kLeftParen);
    case ')':
      if (parens_ > 0) --parens_;  // one too many is the parser's to refuse
      return Emit(Kind::kRightParen);
    default:
      if (c > 0x20 && c < 0x7F) return Emit(Kind::kChar);
      --pos_;
      Fail(StrCat("unrecognized character in action: ", RuneText()));
  }
}

void Lexer::Quoted(char quote, Kind kind, std::string_view what) {
  ++pos_;
  for (; !AtEnd() && Peek() != '\n'; ++pos_) {
    if (Peek() == quote) {
      ++pos_;
      return Emit(kind);
    }
    if (Peek() == '\\' && Peek(1) != '\n') ++pos_;
  }
  Fail(std::string(what));
}

void Lexer::RawQuoted() {
  size_t end = text_.find('`', pos_ + 1);
  if (end == std::string_view::npos) return Fail("unterminated raw quoted string");
  pos_ = end + 1;
  Emit(Kind::kRawString);
}

void Lexer::Number() {
  if (Peek() == '+' || Peek() == '-') ++pos_;
  char mark = Peek() == '0' ? static_cast<char>(Peek(1) | 0x20) : '\0';
  std::string_view digits = mark == 'x'   ? "0123456789abcdefABCDEF_"
                            : mark == 'o' ? "01234567_"
                            : mark == 'b' ? "01_"
                                          : "0123456789_";
  bool prefixed = mark == 'x' || mark == 'o' || mark == 'b';
  if (prefixed) pos_ += 2;
  auto take = [&](std::string_view set) {
    while (!AtEnd() && set.find(Peek()) != std::string_view::npos) ++pos_;
  };
  take(digits);
  if (Peek() == '.') {
    ++pos_;
    take(digits);
  }
  char exponent = static_cast<char>(Peek() | 0x20);
  if ((!prefixed && exponent == 'e') || (mark == 'x' && exponent == 'p')) {
    ++pos_;
    if (Peek() == '+' || Peek() == '-') ++pos_;
    take("0123456789_");
  }
  if (!AtEnd() && IsWordByte(Peek())) {
    return Fail(
        StrCat("bad number syntax: ", base::Quote(text_.substr(start_, pos_ + 1 - start_))));
  }
  Emit(Kind::kNumber);
}

bool Lexer::AtTerminator() const {
  if (AtEnd() || IsSpace(Peek())) return true;
  return std::string_view(".,|:=()").find(Peek()) != std::string_view::npos ||
         Rest().starts_with("}}");
}

void Lexer::Word() {
  while (!AtEnd() && IsWordByte(Peek())) ++pos_;
  if (!AtTerminator()) return Fail(StrCat("bad character ", RuneText()));
  std::string_view word = text_.substr(start_, pos_ - start_);
  for (const auto& [keyword, kind] : kKeywords) {
    if (keyword == word) return Emit(kind);
  }
  Emit(Kind::kIdentifier);
}

// After '.' or '$' with an optional name.
void Lexer::FieldOrVariable(Kind kind) {
  ++pos_;
  if (AtTerminator()) return Emit(kind == Kind::kField ? Kind::kDot : kind);
  while (!AtEnd() && IsWordByte(Peek())) ++pos_;
  if (!AtTerminator()) return Fail(StrCat("bad character ", RuneText()));
  Emit(kind);
}

}  // namespace

std::vector<TemplateToken> LexTemplate(std::string_view text) { return Lexer(text).Run(); }

}  // namespace slurmscope::rules
