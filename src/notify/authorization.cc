#include "notify/authorization.h"

#include <array>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::notify {
namespace {

using base::Result;
using config::AuthConfig;

constexpr uint64_t kMaxSecretBytes = 1 << 16;

std::string Base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    std::array<uint8_t, 3> bytes{};
    size_t n = std::min<size_t>(3, text.size() - i);
    for (size_t k = 0; k < n; ++k) bytes[k] = static_cast<uint8_t>(text[i + k]);
    uint32_t bits = uint32_t{bytes[0]} << 16 | uint32_t{bytes[1]} << 8 | bytes[2];
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

// A secret that is given, or else what stands in its file.
Result<std::string> Secret(const std::string& given, const std::string& file) {
  if (file.empty()) return given;
  std::string text = TRY(base::ReadFile(file, kMaxSecretBytes));
  return std::string(base::TrimSpace(text));
}

}  // namespace

Result<std::string> AuthorizationHeader(const AuthConfig& auth) {
  if (auth.kind == AuthConfig::Kind::kNone) return std::string();
  std::string secret = TRY(Secret(auth.secret, auth.secret_file));
  if (auth.kind == AuthConfig::Kind::kHeader) return base::StrCat(auth.type, " ", secret);
  std::string user = TRY(Secret(auth.username, auth.username_file));
  return "Basic " + Base64(base::StrCat(user, ":", secret));
}

}  // namespace slurmscope::notify
