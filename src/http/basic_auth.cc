#include "http/basic_auth.h"

#include <strings.h>

#include <array>
#include <cstdint>

#include "base/strings.h"

namespace slurmscope::http {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t kMaxBytes = 4096;

std::string Base64(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    std::array<uint8_t, 3> bytes{};
    const size_t n = std::min<size_t>(3, text.size() - i);
    for (size_t k = 0; k < n; ++k) bytes[k] = static_cast<uint8_t>(text[i + k]);
    const uint32_t bits = uint32_t{bytes[0]} << 16 | uint32_t{bytes[1]} << 8 | bytes[2];
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

// Padded, as RFC 4648 section 4 has it, and nothing else.
std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xFFFFFF;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xFF);
  }
  return out;
}

}  // namespace

std::optional<BasicCredentials> ParseBasicAuth(std::string_view header) {
  constexpr std::string_view kScheme = "Basic ";
  if (header.size() < kScheme.size() || header.size() > kMaxBytes ||
      strncasecmp(header.data(), kScheme.data(), kScheme.size()) != 0)
    return std::nullopt;
  const auto text = FromBase64(base::TrimSpace(header.substr(kScheme.size())));
  if (!text || text->find('\0') != std::string::npos) return std::nullopt;
  const size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return BasicCredentials{text->substr(0, colon), text->substr(colon + 1)};
}

std::string BasicAuthHeader(std::string_view user, std::string_view password) {
  return "Basic " + Base64(base::StrCat(user, ":", password));
}

}  // namespace slurmscope::http
