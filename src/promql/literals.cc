#include "promql/literals.h"

#include <algorithm>
#include <optional>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/rune.h"

namespace slurmscope::promql {
namespace {

// Go's integer syntax with the base taken from the prefix; nullopt where it is no such integer.
std::optional<double> ParseInteger(std::string_view digits) {
  int radix = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    bool hex = digits[1] == 'x' || digits[1] == 'X';
    radix = hex ? 16 : 8;
    digits.remove_prefix(hex ? 2 : 1);
  }
  std::optional<int64_t> value = base::ParseInt<int64_t>(digits, radix);
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

base::Result<double> ParsePlainNumber(std::string_view written, std::string_view digits) {
  if (std::optional<double> integer = ParseInteger(digits)) return *integer;
  bool hex = digits.size() > 1 && (digits[1] == 'x' || digits[1] == 'X');
  std::optional<double> value = hex ? std::nullopt : base::ParseFloat(digits);
  if (value) return *value;
  return base::Fail(
      base::ErrorCode::kInvalidArgument,
      base::StrCat("error parsing number: strconv.ParseFloat: parsing ", base::Quote(written), ": ",
                   hex ? "invalid syntax" : "value out of range"));
}

uint32_t TakeDigits(std::string_view* text, size_t count, int radix) {
  uint32_t value = base::ParseInt<uint32_t>(text->substr(0, count), radix).value_or(0);
  text->remove_prefix(count);
  return value;
}

// `text` begins behind the backslash.
void AppendUnescaped(std::string& out, std::string_view* text) {
  constexpr std::string_view kLetters = "abfnrtv";
  constexpr std::string_view kValues = "\a\b\f\n\r\t\v";
  char c = text->front();
  if (c >= '0' && c <= '7') {
    out += static_cast<char>(TakeDigits(text, 3, 8));
    return;
  }
  text->remove_prefix(1);
  if (c == 'x') {
    out += static_cast<char>(TakeDigits(text, 2, 16));
  } else if (c == 'u' || c == 'U') {
    AppendRune(out, TakeDigits(text, c == 'u' ? 4 : 8, 16));
  } else {
    size_t index = kLetters.find(c);
    out += index == std::string_view::npos ? c : kValues[index];
  }
}

}  // namespace

base::Result<double> ParseNumber(std::string_view text) {
  if (text.find('_') == std::string_view::npos) return ParsePlainNumber(text, text);
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  return ParsePlainNumber(text, digits);
}

std::string Unquote(std::string_view text) {
  bool raw = text.front() == '`';
  text = text.substr(1, text.size() - 2);
  if (raw || text.find('\\') == std::string_view::npos) return std::string(text);
  std::string out;
  while (!text.empty()) {
    size_t plain = std::min(text.find('\\'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(1);
    AppendUnescaped(out, &text);
  }
  return out;
}

}  // namespace slurmscope::promql
