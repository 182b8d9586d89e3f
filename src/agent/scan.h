#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/strings.h"

namespace slurmscope::agent {

// Takes the next line (without its newline) off `text`; false at the end.
inline bool NextLine(std::string_view& text, std::string_view& line) {
  if (text.empty()) return false;
  const size_t end = text.find('\n');
  line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return true;
}

// Takes the next field off `line`: what stands between blanks and tabs; empty at the end.
inline std::string_view NextField(std::string_view& line) {
  // By hand: find_first_of asks memchr about each character.
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  size_t begin = 0;
  while (begin < line.size() && blank(line[begin])) ++begin;
  size_t end = begin;
  while (end < line.size() && !blank(line[end])) ++end;
  const std::string_view field = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return field;
}

inline std::optional<uint64_t> ParseUint(std::string_view text) {
  return base::ParseInt<uint64_t>(text);
}

// The next field as a number; nullopt when there is none or it is not one.
inline std::optional<uint64_t> NextUint(std::string_view& line) {
  return ParseUint(NextField(line));
}

}  // namespace slurmscope::agent
