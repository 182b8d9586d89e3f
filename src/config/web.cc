#include "config/web.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

constexpr uint64_t kMaxFileBytes = 1 << 20;

// Those of Go's tls.CipherSuites(), today's and those of earlier releases.
constexpr std::array<std::string_view, 17> kCipherSuites = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA"};
constexpr std::array<std::string_view, 4> kCurves = {"CurveP256", "CurveP384", "CurveP521",
                                                     "X25519"};
constexpr std::array<std::pair<std::string_view, ClientCertPolicy>, 6> kPolicies = {
    {{"NoClientCert", ClientCertPolicy::kNone},
     {"RequestClientCert", ClientCertPolicy::kRequest},
     {"RequireAnyClientCert", ClientCertPolicy::kRequireAny},
     {"RequireClientCert", ClientCertPolicy::kRequireAny},  // its name in early releases
     {"VerifyClientCertIfGiven", ClientCertPolicy::kVerifyIfGiven},
     {"RequireAndVerifyClientCert", ClientCertPolicy::kRequireAndVerify}}};

struct HeaderRule {
  std::string_view name;
  std::array<std::string_view, 2> values;  // empty: any
};
constexpr std::array<HeaderRule, 5> kHeaders = {{{"Strict-Transport-Security", {}},
                                                 {"X-Content-Type-Options", {"nosniff", ""}},
                                                 {"X-Frame-Options", {"deny", "sameorigin"}},
                                                 {"X-XSS-Protection", {}},
                                                 {"Content-Security-Policy", {}}}};

template <typename Names>
std::string Choices(const Names& names) {
  return base::Join(std::vector<std::string>(names.begin(), names.end()), ", ");
}

void ReadCertPolicy(MappingReader* reader, TlsServerConfig* tls) {
  std::string name;
  if (!reader->String("client_auth_type", &name) || name.empty()) return;
  std::vector<std::string> names;
  for (const auto& [known, policy] : kPolicies) {
    names.emplace_back(known);
    if (known != name) continue;
    tls->client_cert_policy = policy;
    return;
  }
  reader->Error("client_auth_type", StrCat(Quote(name), " is not one of ", Choices(names)));
}

template <size_t N>
void CheckNames(MappingReader* reader, std::string_view key, const std::vector<std::string>& names,
                const std::array<std::string_view, N>& known) {
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string_view near = base::NearestWord(name, {known.begin(), known.end()});
    reader->Error(key, StrCat("unknown name ", Quote(name),
                              near.empty() ? "" : StrCat(", did you mean ", Quote(near), "?")));
  }
}

void CheckTls(MappingReader* reader, const TlsServerConfig& tls) {
  if (!tls.cert.given()) reader->Error("cert_file", "a certificate is required");
  if (!tls.key.given()) reader->Error("key_file", "the certificate's key is required");
  const ClientCertPolicy policy = tls.client_cert_policy;
  if (tls.client_ca.given() && policy == ClientCertPolicy::kNone) {
    reader->Error("client_auth_type",
                  "client CAs are given without a client_auth_type that uses them: "
                  "RequireAndVerifyClientCert wants a certificate of every client");
  }
  if (!tls.client_allowed_sans.empty() && policy != ClientCertPolicy::kRequireAny &&
      policy != ClientCertPolicy::kRequireAndVerify) {
    reader->Error("client_allowed_sans",
                  "needs client_auth_type RequireAndVerifyClientCert (or RequireAnyClientCert): "
                  "otherwise a client without certificate is let in");
  }
  if (tls.min_version > tls.max_version)
    reader->Error("max_version", "is older than min_version, so no client could connect");
}

void ReadTls(const Node& node, TlsServerConfig* tls, Report* report) {
  MappingReader reader(node, "tls_server_config", report);
  ReadTextOrFile(&reader, "cert", "cert_file", &tls->cert);
  ReadTextOrFile(&reader, "key", "key_file", &tls->key);
  ReadTextOrFile(&reader, "client_ca", "client_ca_file", &tls->client_ca);
  ReadCertPolicy(&reader, tls);
  reader.StringList("client_allowed_sans", &tls->client_allowed_sans);
  ReadTlsVersion(&reader, "min_version", &tls->min_version);
  ReadTlsVersion(&reader, "max_version", &tls->max_version);
  reader.StringList("cipher_suites", &tls->cipher_suites);
  CheckNames(&reader, "cipher_suites", tls->cipher_suites, kCipherSuites);
  reader.Bool("prefer_server_cipher_suites", &tls->prefer_server_cipher_suites);
  reader.StringList("curve_preferences", &tls->curves);
  CheckNames(&reader, "curve_preferences", tls->curves, kCurves);
  reader.Finish();
  CheckTls(&reader, *tls);
}

void ReadHeaders(MappingReader* reader, WebConfig* config) {
  const Node* node = reader->TakeMapping("headers");
  if (node == nullptr) return;
  MappingReader headers(*node, reader->Path("headers"), &reader->report());
  for (const HeaderRule& rule : kHeaders) {
    std::string value;
    if (!headers.String(rule.name, &value) || value.empty()) continue;
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      headers.Error(rule.name, "a header's value is one line");
    const auto& allowed = rule.values;
    bool fits =
        allowed[0].empty() || std::find(allowed.begin(), allowed.end(), value) != allowed.end();
    if (!fits) {
      headers.Error(rule.name, StrCat("may only be ", allowed[0], allowed[1].empty() ? "" : " or ",
                                      allowed[1]));
    }
    config->headers.emplace_back(rule.name, std::move(value));
  }
  headers.Finish();
}

void ReadHttpServer(const Node& node, WebConfig* config, Report* report) {
  MappingReader reader(node, "http_server_config", report);
  bool http2 = false;
  if (reader.Bool("http2", &http2) && http2) {
    reader.WarnIfSet("http2",
                     "has no effect: this server speaks HTTP/1.1, which every client does");
  }
  ReadHeaders(&reader, config);
  reader.Finish();
}

// "$2y$10$" and 53 characters of salt and hash.
bool IsBcrypt(std::string_view hash) {
  constexpr std::string_view kDigits =
      "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (hash.size() != 60 || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$')
    return false;
  if (std::string_view("aby").find(hash[2]) == std::string_view::npos) return false;
  const auto cost = base::ParseInt<int>(hash.substr(4, 2));
  if (!cost || *cost < 4 || *cost > 31) return false;
  return hash.substr(7).find_first_not_of(kDigits) == std::string_view::npos;
}

constexpr int kMaxQuietCost = 14;

void ReadUsers(const Node& node, WebConfig* config, Report* report) {
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const std::string& name = node.items[i].scalar;
    const Node& value = node.items[i + 1];
    const std::string path = StrCat("basic_auth_users.", name);
    if (name.find(':') != std::string::npos)
      report->Error(node.items[i], path, "a user's name cannot hold a colon");
    const std::string* hash = ScalarText(value, path, report);
    if (hash == nullptr) continue;
    if (!IsBcrypt(*hash)) {
      report->Error(value, path,
                    "not a bcrypt hash ($2y$10$ and 53 characters); `htpasswd -nBC 10 \"\"` makes "
                    "one out of a password");
      continue;
    }
    if (base::ParseInt<int>(hash->substr(4, 2)) > kMaxQuietCost)
      report->Warn(value, path, "costs more than a second for each password that is checked");
    config->users.emplace_back(name, *hash);
  }
}

void ReadRateLimit(const Node& node, WebConfig* config, Report* report) {
  MappingReader reader(node, "rate_limit", report);
  reader.DurationMs("interval", &config->rate_limit_interval_ms);
  reader.Unsigned("burst", &config->rate_limit_burst);
  if (config->rate_limit_interval_ms < 0) reader.Error("interval", "must not be negative");
  if (config->rate_limit_interval_ms > 0 && config->rate_limit_burst == 0)
    reader.Error("burst", "must be 1 at least, or no request would be answered");
  reader.Finish();
}

}  // namespace

void ReadTextOrFile(MappingReader* reader, std::string_view text_key, std::string_view file_key,
                    TextOrFile* out) {
  bool text = reader->String(text_key, &out->text) && !out->text.empty();
  bool file = reader->String(file_key, &out->file) && !out->file.empty();
  if (text && file)
    reader->Error(file_key,
                  StrCat("at most one of ", text_key, " and ", file_key, " may be given"));
  out->file = Absolute(out->file, reader->report().file());
}

void ReadTlsVersion(MappingReader* reader, std::string_view key, TlsVersion* out) {
  constexpr std::array<std::pair<std::string_view, TlsVersion>, 4> kVersions = {
      {{"TLS10", TlsVersion::kTls10},
       {"TLS11", TlsVersion::kTls11},
       {"TLS12", TlsVersion::kTls12},
       {"TLS13", TlsVersion::kTls13}}};
  std::string name;
  if (!reader->String(key, &name) || name.empty()) return;
  for (const auto& [known, version] : kVersions) {
    if (known != name) continue;
    *out = version;
    return;
  }
  reader->Error(key, StrCat(Quote(name), " is not one of TLS10, TLS11, TLS12, TLS13"));
}

Result<WebConfig> ParseWebConfig(std::string_view text, const std::string& path) {
  Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  WebConfig config;
  if (const Node* tls = reader.TakeMapping("tls_server_config")) {
    config.has_tls = true;
    ReadTls(*tls, &config.tls, &report);
  }
  if (const Node* http = reader.TakeMapping("http_server_config"))
    ReadHttpServer(*http, &config, &report);
  if (const Node* users = reader.TakeMapping("basic_auth_users"))
    ReadUsers(*users, &config, &report);
  if (const Node* limit = reader.TakeMapping("rate_limit")) ReadRateLimit(*limit, &config, &report);
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  config.warnings = report.TakeWarnings();
  return config;
}

Result<WebConfig> LoadWebConfig(const std::string& path) {
  return ParseWebConfig(TRY(base::ReadFile(path, kMaxFileBytes)), path);
}

}  // namespace slurmscope::config
