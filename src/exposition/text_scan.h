#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "model/metadata.h"

// Shared by the readers of the text formats; not for other rooms.
namespace slurmscope::exposition {

inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// A position in one line.
struct Cursor {
  const char* p;
  const char* end;

  bool AtEnd() const { return p == end; }
  std::string_view rest() const { return {p, static_cast<size_t>(end - p)}; }
  void SkipBlanks() {
    while (p != end && IsBlank(*p)) ++p;
  }
  std::string_view Word() {
    const char* begin = p;
    while (p != end && !IsBlank(*p)) ++p;
    return {begin, static_cast<size_t>(p - begin)};
  }
};

// Plain decimals of at most 15 digits: integer and power of ten are exact as doubles, so their
// quotient is the correctly rounded value. False, and nothing is read, for anything else.
inline bool ReadPlainDecimal(Cursor* at, double* value) {
  constexpr double kPowersOfTen[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char* p = at->p;
  bool negative = p != at->end && *p == '-';
  if (negative) ++p;
  uint64_t digits = 0;
  const char* begin = p;
  while (p != at->end && *p >= '0' && *p <= '9')
    digits = digits * 10 + static_cast<uint64_t>(*p++ - '0');
  auto count = static_cast<size_t>(p - begin);
  size_t decimals = 0;
  if (p != at->end && *p == '.') {
    const char* point = p++;
    while (p != at->end && *p >= '0' && *p <= '9')
      digits = digits * 10 + static_cast<uint64_t>(*p++ - '0');
    decimals = static_cast<size_t>(p - point) - 1;
    count += decimals;
  }
  if (count == 0 || count > 15) return false;
  if (p != at->end && *p != '\n' && !IsBlank(*p)) return false;
  auto magnitude = static_cast<double>(digits) / kPowersOfTen[decimals];
  *value = negative ? -magnitude : magnitude;
  at->p = p;
  return true;
}

// Passes the labels from '{' to behind the matching '}'. False when the line ends before.
inline bool SkipLabels(Cursor* at) {
  bool quoted = false;
  for (; at->p != at->end; ++at->p) {
    char c = *at->p;
    if (c == '"') quoted = !quoted;
    if (c == '\\' && quoted && at->p + 1 != at->end) ++at->p;
    if (c == '}' && !quoted) {
      ++at->p;
      return true;
    }
  }
  return false;
}

// The line at the start of `rest`, without its newline.
inline std::string_view FirstLine(std::string_view rest) {
  const void* newline = std::memchr(rest.data(), '\n', rest.size());
  if (newline == nullptr) return rest;
  return rest.substr(0, static_cast<size_t>(static_cast<const char*>(newline) - rest.data()));
}

inline void DropLine(std::string_view* rest, size_t length) {
  rest->remove_prefix(length < rest->size() ? length + 1 : length);
}

// The type of a TYPE line; "untyped" is that of text format 0.0.4.
inline std::optional<model::MetricType> TypeFromText(std::string_view text) {
  using model::MetricType;
  if (text == "untyped") return MetricType::kUnknown;
  for (MetricType type : {MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
                          MetricType::kSummary, MetricType::kUnknown, MetricType::kGaugeHistogram,
                          MetricType::kInfo, MetricType::kStateset}) {
    if (text == model::ToString(type)) return type;
  }
  return std::nullopt;
}

}  // namespace slurmscope::exposition
