#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/web.h"

namespace slurmscope::config {

struct TlsClientConfig {
  TextOrFile ca;  // PEM; not given: the system's
  TextOrFile cert;
  TextOrFile key;
  std::string server_name;  // empty: the URL's host
  bool insecure_skip_verify = false;
  TlsVersion min_version = TlsVersion::kTls12;
  TlsVersion max_version = TlsVersion::kTls13;
};

struct BasicAuthConfig {
  TextOrFile username;
  TextOrFile password;
};

struct AuthorizationConfig {
  std::string type = "Bearer";
  TextOrFile credentials;
};

struct ProxyConfig {
  std::string url;
  std::string no_proxy;  // as Go's golang.org/x/net/http/httpproxy reads NO_PROXY
  bool from_environment = false;
  std::map<std::string, std::vector<std::string>> connect_headers;
};

// The client credentials grant of RFC 6749, section 4.4.
struct OAuth2Config {
  std::string client_id;
  TextOrFile client_secret;
  std::vector<std::string> scopes;
  std::string token_url;
  std::map<std::string, std::string> endpoint_params;
  TlsClientConfig tls;
  ProxyConfig proxy;
};

struct HttpHeaderConfig {
  std::vector<std::string> values;
  std::vector<std::string> secrets;
  std::vector<std::string> files;
};

// `http_config` of Prometheus: how a client shows who it is and whom it trusts. Files are absolute
// and are read again when they change.
struct HttpClientConfig {
  std::optional<BasicAuthConfig> basic_auth;
  std::optional<AuthorizationConfig> authorization;  // bearer_token, too
  std::optional<OAuth2Config> oauth2;
  TlsClientConfig tls;
  ProxyConfig proxy;
  std::map<std::string, HttpHeaderConfig> headers;
  bool follow_redirects = true;
  bool enable_http2 = true;
};

// A file that holds nothing but these keys, as promtool's --http.config.file names it.
Result<HttpClientConfig> LoadHttpClientConfig(const std::string& path);

// A text that differs where the configurations do. It holds secrets.
std::string Identity(const HttpClientConfig& config);

}  // namespace slurmscope::config
