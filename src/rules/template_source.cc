#include "rules/template_source.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using base::Quote;
using base::StrCat;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr size_t kShownPiece = 10;

bool IsSpace(char c) { return c != '\0' && kSpaces.find(c) != std::string_view::npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<uint8_t>(c) >= 0x80;
}
bool IsKeyword(std::string_view word) {
  constexpr std::string_view kWords[] = {"block", "break", "continue", "define",   "else", "end",
                                         "if",    "nil",   "range",    "template", "with"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

}  // namespace

void TemplateSource::Fail(std::string_view problem) const {
  auto before = text_.substr(0, std::min(at_, text_.size()));
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  throw TemplateFailure{StrCat("template: ", name_, ":", line, ": ", problem)};
}

std::string TemplateSource::TakeText() {
  std::string out;
  while (true) {
    size_t open = std::min(text_.find("{{", at_), text_.size());
    std::string_view piece = text_.substr(at_, open - at_);
    if (trim_) piece.remove_prefix(std::min(piece.find_first_not_of(kSpaces), piece.size()));
    trim_ = false;
    at_ = open;
    bool marker = Peek(2) == '-' && IsSpace(Peek(3));
    if (marker) piece = piece.substr(0, piece.find_last_not_of(kSpaces) + 1);
    out += piece;
    if (done()) return out;
    at_ += marker ? 4 : 2;
    inside_ = true;
    parens = 0;
    if (!SkipComment()) return out;
  }
}

bool TemplateSource::SkipComment() {
  if (!Take("/*")) return false;
  size_t end = text_.find("*/", at_);
  if (end == std::string_view::npos) Fail("unclosed comment");
  at_ = end + 2;
  if (!AtClose()) Fail("comment ends before closing delimiter");
  Close();
  return true;
}

bool TemplateSource::AtClose() const {
  std::string_view rest = text_.substr(at_);
  return rest.starts_with("}}") || (IsSpace(Peek()) && rest.substr(1).starts_with("-}}"));
}

void TemplateSource::Close() {
  if (parens > 0) Fail("unclosed left paren");
  inside_ = false;
  trim_ = Peek() != '}';
  at_ += trim_ ? 4 : 2;
}

void TemplateSource::NeedAction() const {
  if (done()) Fail("unclosed action");
}

bool TemplateSource::SkipSpace() {
  size_t start = at_;
  while (IsSpace(Peek()) && !AtClose()) ++at_;
  return at_ != start;
}

bool TemplateSource::Take(std::string_view piece) {
  if (!text_.substr(at_).starts_with(piece)) return false;
  at_ += piece.size();
  return true;
}

std::string TemplateSource::PeekWord() const {
  size_t end = at_;
  while (end < text_.size() && (IsLetter(text_[end]) || IsDigit(text_[end]))) ++end;
  return std::string(text_.substr(at_, end - at_));
}

std::string TemplateSource::RuneAt() const {
  auto first = static_cast<uint8_t>(Peek());
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", first);
  std::string shown = first >= 0x20 && first < 0x7F ? StrCat(" '", Peek(), "'") : "";
  return StrCat(std::string_view(code), shown);
}

std::string TemplateSource::TakeWord() {
  std::string word = PeekWord();
  at_ += word.size();
  bool ends = done() || IsSpace(Peek()) || AtClose() ||
              std::string_view(".,|:=()").find(Peek()) != std::string_view::npos;
  if (!ends) Fail(StrCat("bad character ", RuneAt()));
  return word;
}

bool TemplateSource::AtNumber() const {
  return IsDigit(Peek()) || Peek() == '+' || Peek() == '-' || (Peek() == '.' && IsDigit(Peek(1)));
}

std::string TemplateSource::TakeNumber() {
  size_t start = at_;
  auto digits = [&](std::string_view allowed) {
    while (Peek() != '\0' && allowed.find(Peek()) != std::string_view::npos) ++at_;
  };
  if (Peek() == '+' || Peek() == '-') ++at_;
  std::string_view allowed = "0123456789_";
  char exponent = 'e';
  if (Take("0x") || Take("0X")) {
    allowed = "0123456789abcdefABCDEF_";
    exponent = 'p';
  } else if (Take("0o") || Take("0O")) {
    allowed = "01234567_";
  } else if (Take("0b") || Take("0B")) {
    allowed = "01_";
  }
  digits(allowed);
  if (Take(".")) digits(allowed);
  if ((Peek() | 0x20) == exponent) {
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    digits("0123456789_");
  }
  if (IsLetter(Peek()) || IsDigit(Peek()))
    Fail(StrCat("bad number syntax: ", Quote(text_.substr(start, at_ + 1 - start))));
  return std::string(text_.substr(start, at_ - start));
}

std::string TemplateSource::TakeQuoted() {
  size_t start = at_;
  char quote = text_[at_++];
  while (!done() && Peek() != quote && (quote == '`' || Peek() != '\n'))
    at_ += quote != '`' && Peek() == '\\' && Peek(1) != '\n' ? 2 : 1;
  if (Peek() != quote) {
    at_ = std::min(at_, text_.size());
    Fail(quote == '`'   ? "unterminated raw quoted string"
         : quote == '"' ? "unterminated quoted string"
                        : "unterminated character constant");
  }
  ++at_;
  return std::string(text_.substr(start, at_ - start));
}

void TemplateSource::Unexpected(std::string_view context) {
  NeedAction();
  std::string piece;
  if (AtClose()) {
    piece = "}}";
  } else if (Peek() == '.' && !IsLetter(Peek(1)) && !AtNumber()) {
    Fail(StrCat("unexpected <.> in ", context));
  } else if (IsLetter(Peek())) {
    piece = TakeWord();
    if (IsKeyword(piece)) Fail(StrCat("unexpected <", piece, "> in ", context));
  } else if (AtNumber()) {
    piece = TakeNumber();
  } else if (Peek() == '"' || Peek() == '`' || Peek() == '\'') {
    piece = TakeQuoted();
  } else if (Peek() == ':') {
    if (Peek(1) != '=') Fail("expected :=");
    piece = ":=";
  } else if (Peek() == ')' && parens == 0 && context == "operand") {
    Fail("unexpected right paren");
  } else if (Peek() == '.' || Peek() == '$') {
    size_t start = at_++;
    TakeWord();
    piece = text_.substr(start, at_ - start);
  } else {
    if (Peek() < 0x20 || Peek() == 0x7F) Fail("unrecognized character in action: " + RuneAt());
    piece = Peek();
  }
  bool cut = piece.size() > kShownPiece;
  Fail(StrCat("unexpected ", Quote(piece.substr(0, kShownPiece)), cut ? "..." : "", " in ",
              context));
}

}  // namespace slurmscope::rules
