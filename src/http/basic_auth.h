#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slurmscope::http {

struct BasicCredentials {
  std::string user;
  std::string password;
};

// What the header "Authorization: Basic ..." holds (RFC 7617); nullopt for anything else, for what
// is not base64 and for a NUL in it. Safe on any bytes.
std::optional<BasicCredentials> ParseBasicAuth(std::string_view header);

// "Basic ..." for a request.
std::string BasicAuthHeader(std::string_view user, std::string_view password);

}  // namespace slurmscope::http
