#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slurmscope::base {

namespace internal {
inline void AppendPiece(std::string& out, std::string_view piece) { out += piece; }
inline void AppendPiece(std::string& out, char piece) { out += piece; }
template <std::integral T>
requires(!std::same_as<T, char> && !std::same_as<T, bool>) void AppendPiece(std::string& out,
                                                                            T value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}
}  // namespace internal

// Appends strings, characters and integers to `out`; no format string, no allocation of its own.
template <typename... Pieces>
void StrAppend(std::string& out, const Pieces&... pieces) {
  (internal::AppendPiece(out, pieces), ...);
}

template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  StrAppend(out, pieces...);
  return out;
}

std::string_view TrimSpace(std::string_view text);
std::vector<std::string_view> Split(std::string_view text, char separator);
// Takes the piece before the next separator off `text`, and the separator; at the last piece `text`
// becomes empty.
inline std::string_view TakePiece(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return piece;
}
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// A whole decimal integer, nothing around it. nullopt on anything else or overflow.
template <std::integral T>
std::optional<T> ParseInt(std::string_view text, int radix = 10) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Go's strconv.Quote for text in messages: "a\nb" with the quotes. Invalid UTF-8 becomes \xNN.
std::string Quote(std::string_view text);

// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view text);

// Of `candidates` the one within two edits of `word`, for "did you mean"; empty when none is near.
std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates);

// Equal or not in time that depends on the lengths alone. For secrets.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace slurmscope::base
