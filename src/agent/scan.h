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
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(begin);
  const size_t end = line.find_first_of(" \t");
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(field.size());
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
