#include "config/http_client.h"

#include <gtest/gtest.h>

#include "config/prometheus.h"

namespace slurmscope::config {
namespace {

// The configuration of one job with these keys, or what is wrong with it.
Result<PrometheusConfig> Parse(const std::string& keys) {
  std::string text = "scrape_configs:\n- job_name: j\n";
  for (size_t at = 0; at < keys.size();) {
    const size_t end = std::min(keys.find('\n', at), keys.size());
    text += "  " + keys.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return ParsePrometheusConfig(text, "/etc/p/p.yml");
}
HttpClientConfig Good(const std::string& keys) {
  auto config = Parse(keys);
  EXPECT_TRUE(config) << config.error().message();
  return config ? config->scrape_configs.at(0).http : HttpClientConfig();
}
std::string Problem(const std::string& keys) {
  auto config = Parse(keys);
  return config ? "none" : config.error().message();
}
bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(HttpClientConfig, ReadsAllKeys) {
  HttpClientConfig http = Good(R"(oauth2:
  client_id: id
  client_secret_file: secret
  scopes: [a, b]
  token_url: https://t/token
  endpoint_params: {aud: x}
  tls_config: {ca_file: /ca}
  proxy_url: http://p:1
tls_config:
  ca_file: ca.pem
  cert_file: c.pem
  key_file: k.pem
  server_name: node
  insecure_skip_verify: true
  min_version: TLS12
  max_version: TLS13
proxy_url: http://u:hunter2@proxy:3128
no_proxy: localhost,10.0.0.0/8
proxy_connect_header: {X-A: [one, two]}
http_headers:
  X-B: {values: [v], secrets: [s], files: [f]}
follow_redirects: false
enable_http2: false)");
  ASSERT_TRUE(http.oauth2);
  EXPECT_EQ(http.oauth2->client_secret.file, "/etc/p/secret");
  EXPECT_EQ(http.oauth2->scopes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(http.oauth2->endpoint_params.at("aud"), "x");
  EXPECT_EQ(http.oauth2->tls.ca.file, "/ca");
  EXPECT_EQ(http.oauth2->proxy.url, "http://p:1");
  EXPECT_EQ(http.tls.ca.file, "/etc/p/ca.pem");
  EXPECT_EQ(http.tls.cert.file, "/etc/p/c.pem");
  EXPECT_EQ(http.tls.key.file, "/etc/p/k.pem");
  EXPECT_EQ(http.tls.server_name, "node");
  EXPECT_TRUE(http.tls.insecure_skip_verify);
  EXPECT_EQ(http.proxy.url, "http://u:hunter2@proxy:3128");
  EXPECT_EQ(http.proxy.no_proxy, "localhost,10.0.0.0/8");
  EXPECT_EQ(http.proxy.connect_headers.at("X-A").size(), 2u);
  EXPECT_EQ(http.headers.at("X-B").secrets.at(0), "s");
  EXPECT_EQ(http.headers.at("X-B").files.at(0), "/etc/p/f");
  EXPECT_FALSE(http.follow_redirects);
  EXPECT_FALSE(http.enable_http2);
}

TEST(HttpClientConfig, ReadsCredentials) {
  HttpClientConfig http = Good("basic_auth: {username: u, password_file: pw}");
  ASSERT_TRUE(http.basic_auth);
  EXPECT_EQ(http.basic_auth->username.text, "u");
  EXPECT_EQ(http.basic_auth->password.file, "/etc/p/pw");
  http = Good("authorization: {type: Token, credentials: c}");
  ASSERT_TRUE(http.authorization);
  EXPECT_EQ(http.authorization->type, "Token");
  http = Good("bearer_token_file: t");
  ASSERT_TRUE(http.authorization);
  EXPECT_EQ(http.authorization->type, "Bearer");
  EXPECT_EQ(http.authorization->credentials.file, "/etc/p/t");
}

TEST(HttpClientConfig, RefusesWhatPrometheusRefuses) {
  EXPECT_TRUE(Has(Problem("basic_auth: {}\nauthorization: {credentials: x}"), "at most one of"));
  EXPECT_TRUE(Has(
      Problem("basic_auth: {}\noauth2: {client_id: a, client_secret: b, token_url: 'http://x'}"),
      "oauth2: at most one of"));
  EXPECT_TRUE(Has(Problem("bearer_token: x\nauthorization: {credentials: x}"),
                  "bearer_token: at most one of"));
  EXPECT_TRUE(Has(Problem("authorization: {type: basic, credentials: x}"), "use basic_auth"));
  EXPECT_TRUE(Has(Problem("basic_auth: {password: a, password_file: b}"),
                  "at most one of password and password_file"));
  EXPECT_TRUE(Has(Problem("tls_config: {cert_file: a}"), "needs both"));
  EXPECT_TRUE(Has(Problem("tls_config: {ca: a, ca_file: b}"), "at most one of ca and ca_file"));
  EXPECT_TRUE(Has(Problem("tls_config: {min_version: TLS14}"), "not one of TLS10"));
  EXPECT_TRUE(Has(Problem("tls_config: {min_version: TLS13, max_version: TLS12}"), "older than"));
  EXPECT_TRUE(Has(Problem("no_proxy: x"), "needs proxy_url"));
  EXPECT_TRUE(Has(Problem("proxy_connect_header: {a: [b]}"), "needs proxy_url"));
  EXPECT_TRUE(Has(Problem("proxy_url: http://x\nproxy_from_environment: true"), "at most one of"));
  EXPECT_TRUE(Has(Problem("proxy_url: x:3128"), "must begin with http://"));
  EXPECT_TRUE(Has(Problem("http_headers: {Authorization: {values: [x]}}"), "set by the program"));
  EXPECT_TRUE(Has(Problem("http_headers: {'a b': {values: [x]}}"), "not a header's name"));
  EXPECT_TRUE(Has(Problem("http_headers: {a: {values: [\"x\\ny\"]}}"), "one line"));
  EXPECT_TRUE(Has(Problem("oauth2: {}"), "client_id: is required"));
  EXPECT_TRUE(Has(Problem("oauth2: {client_id: a, token_url: x}"), "must be an http or https URL"));
  EXPECT_TRUE(Has(Problem("tls_config: {cafile: x}"), "did you mean \"ca_file\"?"));
}

TEST(HttpClientConfig, IsShownWithoutSecrets) {
  auto config = Parse(R"(proxy_url: http://u:hunter2@proxy:3128
proxy_connect_header: {X-A: [hunter2]}
basic_auth: {username: u, password: hunter2}
tls_config: {cert: C, key: hunter2}
http_headers: {X-B: {values: [v], secrets: [hunter2]}})");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(Has(config->text, "hunter2")) << config->text;
  EXPECT_TRUE(Has(config->text, "cert: C"));
}

TEST(HttpClientConfig, IdentityTellsSettingsApart) {
  const std::vector<std::string> all = {"",
                                        "basic_auth: {username: a, password: b}",
                                        "basic_auth: {username: ab}",
                                        "basic_auth: {username: a, password_file: b}",
                                        "bearer_token: a",
                                        "authorization: {type: T, credentials: a}",
                                        "tls_config: {ca: a}",
                                        "tls_config: {server_name: a}",
                                        "tls_config: {insecure_skip_verify: true}",
                                        "proxy_url: http://a",
                                        "proxy_from_environment: true",
                                        "http_headers: {a: {values: [b]}}",
                                        "http_headers: {a: {secrets: [b]}}",
                                        "enable_http2: false",
                                        "follow_redirects: false"};
  for (const std::string& a : all) {
    for (const std::string& b : all)
      EXPECT_EQ(Identity(Good(a)) == Identity(Good(b)), a == b) << a << " / " << b;
  }
}

}  // namespace
}  // namespace slurmscope::config
