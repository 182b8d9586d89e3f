#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace slurmscope::promql {

// The first code point of `text`; length 0 when it is empty or not UTF-8.
struct Rune {
  uint32_t value = 0;
  size_t length = 0;
};
Rune DecodeRune(std::string_view text);
void AppendRune(std::string& out, uint32_t value);

// The first code point of `text` for messages: 'x' with escapes as Go's %q, and U+0078 'x' as Go's
// %#U.
std::string QuoteRune(std::string_view text);
std::string DescribeRune(std::string_view text);

}  // namespace slurmscope::promql
