#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::config {

using base::Result;

// Oldest first.
enum class TlsVersion : uint8_t { kTls10, kTls11, kTls12, kTls13 };

// Whether a server asks its clients for a certificate, and what it does with it.
enum class ClientCertPolicy : uint8_t {
  kNone,              // NoClientCert
  kRequest,           // RequestClientCert: may be absent, is not verified
  kRequireAny,        // RequireAnyClientCert: is not verified
  kVerifyIfGiven,     // VerifyClientCertIfGiven
  kRequireAndVerify,  // RequireAndVerifyClientCert
};

// A text that is given, or the file that holds it; at most one of them is not empty.
struct TextOrFile {
  std::string text;
  std::string file;

  bool given() const { return !text.empty() || !file.empty(); }
};

struct TlsServerConfig {
  TextOrFile cert;  // PEM
  TextOrFile key;
  TextOrFile client_ca;
  ClientCertPolicy client_cert_policy = ClientCertPolicy::kNone;
  std::vector<std::string> client_allowed_sans;
  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;
  std::vector<std::string> cipher_suites;  // Go's names, for TLS 1.2 and before; empty: all good
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // Go's names, in order of preference; empty: all good
};

// The file of --web.config.file, checked. Format: docs/web-configuration.md of Prometheus'
// exporter-toolkit.
struct WebConfig {
  bool has_tls = false;
  TlsServerConfig tls;
  std::vector<std::pair<std::string, std::string>> headers;  // of every response
  std::vector<std::pair<std::string, std::string>> users;    // name and bcrypt hash
  int64_t rate_limit_interval_ms = 0;                        // between two requests; 0: no limit
  uint64_t rate_limit_burst = 0;
  std::vector<std::string> warnings;  // "file:line:column: ...", for the log
};

// Reads the file, at most 1 MiB of it. Paths in it are seen from its directory. All problems are
// reported at once as in LoadPrometheusConfig; no message holds a key or a hash.
Result<WebConfig> LoadWebConfig(const std::string& path);
Result<WebConfig> ParseWebConfig(std::string_view text, const std::string& path);

}  // namespace slurmscope::config
