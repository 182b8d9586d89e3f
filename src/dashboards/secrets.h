#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::dashboards {

using base::Result;

// Argon2id (19 MiB, 2 passes, 1 lane: OWASP's minimum) with a random salt, in PHC form. At most two hashes are computed
// at once, so that a flood of logins costs bounded memory.
Result<std::string> HashPassword(std::string_view password);

// In time that does not depend on where they differ. An empty `hash` (unknown user) costs as much as a real one and
// is false.
bool VerifyPassword(const std::string& hash, std::string_view password);

// `bytes` from the kernel's generator, as base64url without padding.
std::string RandomToken(size_t bytes);

// SHA-256 in hex: what is stored of a session token.
std::string Sha256Hex(std::string_view text);

}  // namespace slurmscope::dashboards
