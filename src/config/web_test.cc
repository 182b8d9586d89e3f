#include "config/web.h"

#include <gtest/gtest.h>

namespace slurmscope::config {
namespace {

constexpr const char* kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

std::string Problem(const std::string& text) {
  auto config = ParseWebConfig(text, "/etc/w/web.yml");
  return config ? "none" : config.error().message();
}
bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(WebConfig, ReadsAllKeys) {
  auto config = ParseWebConfig(std::string(R"(
tls_server_config:
  cert_file: server.crt
  key_file: /keys/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [head, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
rate_limit: {interval: 1s, burst: 20}
basic_auth_users:
  alice: )") + kHash,
                               "/etc/w/web.yml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->has_tls);
  EXPECT_EQ(config->tls.cert.file, "/etc/w/server.crt");
  EXPECT_EQ(config->tls.key.file, "/keys/server.key");
  EXPECT_EQ(config->tls.client_ca.file, "/etc/w/ca.crt");
  EXPECT_EQ(config->tls.client_cert_policy, ClientCertPolicy::kRequireAndVerify);
  EXPECT_EQ(config->tls.client_allowed_sans.size(), 2u);
  EXPECT_EQ(config->tls.cipher_suites.size(), 1u);
  EXPECT_FALSE(config->tls.prefer_server_cipher_suites);
  EXPECT_EQ(config->tls.curves, (std::vector<std::string>{"X25519", "CurveP256"}));
  EXPECT_EQ(config->headers.size(), 2u);
  EXPECT_EQ(config->rate_limit_interval_ms, 1000);
  EXPECT_EQ(config->rate_limit_burst, 20u);
  ASSERT_EQ(config->users.size(), 1u);
  EXPECT_EQ(config->users[0], (std::pair<std::string, std::string>{"alice", kHash}));
  ASSERT_EQ(config->warnings.size(), 1u);
  EXPECT_TRUE(Has(config->warnings[0], "web.yml:14:10: http_server_config.http2: has no effect"));
}

TEST(WebConfig, AnEmptyFileIsPlain) {
  auto config = ParseWebConfig("", "w.yml");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->has_tls);
  EXPECT_TRUE(config->users.empty());
}

TEST(WebConfig, TellsAllProblemsWithPlaces) {
  EXPECT_EQ(Problem("tls_config: {}\nbasic_auth_user: {a: b}\n"),
            "/etc/w/web.yml:1:1: tls_config: unknown key\n"
            "/etc/w/web.yml:2:1: basic_auth_user: unknown key, did you mean \"basic_auth_users\"?");
  const std::string tls = "tls_server_config:\n  cert_file: a\n  key_file: b\n";
  EXPECT_EQ(Problem(tls + "  min_version: TLS14\n"),
            "/etc/w/web.yml:4:16: tls_server_config.min_version: \"TLS14\" is not one of TLS10, "
            "TLS11, TLS12, TLS13");
  EXPECT_TRUE(Has(Problem(tls + "  min_version: TLS13\n  max_version: TLS12\n"), "no client"));
  EXPECT_TRUE(Has(Problem("tls_server_config: {key_file: a}"), "a certificate is required"));
  EXPECT_TRUE(Has(Problem("tls_server_config: {cert_file: a}"), "key is required"));
  EXPECT_TRUE(Has(Problem(tls + "  cert: x\n"), "at most one of cert and cert_file"));
  EXPECT_TRUE(Has(Problem(tls + "  client_auth_type: Maybe\n"), "is not one of NoClientCert"));
  EXPECT_TRUE(Has(Problem(tls + "  client_ca_file: x\n"), "without a client_auth_type"));
  EXPECT_TRUE(Has(Problem(tls + "  client_allowed_sans: [x]\n"), "let in"));
  EXPECT_TRUE(Has(Problem(tls + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA25]\n"),
                  "did you mean \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"?"));
  EXPECT_TRUE(Has(Problem(tls + "  curve_preferences: [P256]\n"), "unknown name \"P256\""));
  EXPECT_TRUE(Has(Problem("http_server_config: {headers: {X-Frame-Options: allow}}"),
                  "may only be deny or sameorigin"));
  EXPECT_TRUE(Has(Problem("http_server_config: {headers: {X-Content-Type-Options: x}}"),
                  "may only be nosniff"));
  EXPECT_TRUE(Has(Problem("http_server_config: {headers: {X-Other: a}}"), "unknown key"));
  EXPECT_TRUE(Has(Problem("rate_limit: {interval: 1s}"), "burst: must be 1 at least"));
}

TEST(WebConfig, UsersHaveBcryptHashesThatAreNeverShown) {
  for (const char* bad : {"hunter2", "$2y$10$hunter2", "$1$hunter2",
                          "$2y$99$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"}) {
    const std::string problem = Problem(std::string("basic_auth_users:\n  bob: ") + bad);
    EXPECT_TRUE(Has(problem, "/etc/w/web.yml:2:8: basic_auth_users.bob: not a bcrypt hash")) << bad;
    EXPECT_FALSE(Has(problem, "hunter2")) << problem;
  }
  EXPECT_TRUE(Has(Problem(std::string("basic_auth_users:\n  'a:b': ") + kHash), "colon"));
}

}  // namespace
}  // namespace slurmscope::config
