#include "base/float_text.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace slurmscope::base {
namespace {

// to_chars writes the shortest digits in either form; 'e' gives "1e+06" with two exponent digits,
// as Go does.
void AppendWithFormat(std::string& out, double value, std::chars_format format) {
  char buffer[512];  // fixed notation of 1e308 needs 309 digits, of 5e-324 some 330
  auto result = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  out.append(buffer, result.ptr);
}

// The decimal exponent of the shortest digits, i.e. of d.ddd x 10^exponent.
int DecimalExponent(double value) {
  char buffer[64];
  auto result = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const char* e = result.ptr;
  while (*(e - 1) != 'e') --e;
  int exponent = 0;
  if (*e == '+') ++e;
  std::from_chars(e, result.ptr, exponent);
  return exponent;
}

bool NeedsExponent(double value, FloatStyle style) {
  double magnitude = std::fabs(value);
  if (magnitude == 0 || style == FloatStyle::kFixed) return false;
  if (style == FloatStyle::kApi) return magnitude < 1e-6 || magnitude >= 1e21;
  if (magnitude >= 1e-3 && magnitude < 1e5) return false;
  int exponent = DecimalExponent(value);
  return exponent < -4 || exponent >= 6;
}

bool EqualFold(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<double> ParseFinite(std::string_view text) {
  auto format = std::chars_format::general;
  std::string_view digits = text;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    digits.remove_prefix(2);
    // from_chars takes a sign here and can do without the exponent; Go does neither.
    if (digits[0] == '-' || digits.find_first_of("pP") == std::string_view::npos)
      return std::nullopt;
    format = std::chars_format::hex;
  }
  double value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, format);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (error == std::errc()) return value;
  if (error != std::errc::result_out_of_range) return std::nullopt;
  // from_chars does not tell underflow from overflow; strtod does.
  double slow = std::strtod(std::string(text).c_str(), nullptr);
  if (std::isinf(slow)) return std::nullopt;
  return slow;
}

}  // namespace

void AppendFloat(std::string& out, double value, FloatStyle style) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else if (NeedsExponent(value, style)) {
    AppendWithFormat(out, value, std::chars_format::scientific);
  } else {
    AppendWithFormat(out, value, std::chars_format::fixed);
  }
}

std::string FormatFloat(double value, FloatStyle style) {
  std::string out;
  AppendFloat(out, value, style);
  return out;
}

std::optional<double> ParseFloat(std::string_view text) {
  if (text.empty()) return std::nullopt;
  bool negative = text[0] == '-';
  std::string_view digits = text;
  if (negative || text[0] == '+') digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  bool starts_number = (digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.';
  if (starts_number) {
    std::optional<double> value = ParseFinite(digits);
    if (value && negative) return -*value;
    return value;
  }
  if (EqualFold(digits, "inf") || EqualFold(digits, "infinity")) {
    double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  if (digits.size() == text.size() && EqualFold(text, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::nullopt;
}

}  // namespace slurmscope::base
