#include "promql/rune.h"

#include <cstdio>

#include "base/strings.h"

namespace slurmscope::promql {

Rune DecodeRune(std::string_view text) {
  if (text.empty()) return {};
  auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1};
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < length || !base::IsValidUtf8(text.substr(0, length))) return {};
  uint32_t value = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) value = value << 6 | (static_cast<uint8_t>(text[i]) & 0x3Fu);
  return {value, length};
}

void AppendRune(std::string& out, uint32_t value) {
  auto tail = [&](int shift) { out += static_cast<char>(0x80u | (value >> shift & 0x3Fu)); };
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xC0u | value >> 6);
    tail(0);
  } else if (value < 0x10000) {
    out += static_cast<char>(0xE0u | value >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0u | value >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string QuoteRune(std::string_view text) {
  Rune rune = DecodeRune(text);
  if (rune.length == 0) return "'\xEF\xBF\xBD'";
  if (rune.value == '\'') return R"('\'')";
  if (rune.value == '"') return "'\"'";
  std::string quoted = base::Quote(text.substr(0, rune.length));
  quoted.front() = '\'';
  quoted.back() = '\'';
  return quoted;
}

std::string DescribeRune(std::string_view text) {
  Rune rune = DecodeRune(text);
  if (rune.length == 0) rune.value = 0xFFFD;
  char code[16];
  int n = std::snprintf(code, sizeof code, "U+%04X", rune.value);
  std::string out(code, static_cast<size_t>(n));
  if (rune.value >= 0x20 && rune.value != 0x7F && rune.length > 0) {
    base::StrAppend(out, " '", text.substr(0, rune.length), "'");
  }
  return out;
}

}  // namespace slurmscope::promql
