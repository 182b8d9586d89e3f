#include "config/http_client.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

constexpr std::array<std::string_view, 20> kReservedHeaders = {
    "Authorization",
    "Host",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "User-Agent",
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Www-Authenticate",
    "Accept-Encoding",
    "Transfer-Encoding",
    "Expect",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256"};

bool EqualFold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

void RefuseReferences(MappingReader* reader, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    reader->RefuseIfSet(key, "this version has no secret manager; give the secret or its file");
}

TlsClientConfig ReadTls(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  TlsClientConfig tls;
  ReadTextOrFile(&reader, "ca", "ca_file", &tls.ca);
  ReadTextOrFile(&reader, "cert", "cert_file", &tls.cert);
  ReadTextOrFile(&reader, "key", "key_file", &tls.key);
  reader.String("server_name", &tls.server_name);
  reader.Bool("insecure_skip_verify", &tls.insecure_skip_verify);
  ReadTlsVersion(&reader, "min_version", &tls.min_version);
  ReadTlsVersion(&reader, "max_version", &tls.max_version);
  RefuseReferences(&reader, {"ca_ref", "cert_ref", "key_ref"});
  reader.Finish();
  if (tls.cert.given() != tls.key.given()) {
    reader.Error(tls.cert.given() ? "cert_file" : "key_file",
                 "a client certificate needs both cert (or cert_file) and key (or key_file)");
  }
  if (tls.min_version > tls.max_version)
    reader.Error("max_version", "is older than min_version, so no server could be reached");
  if (tls.server_name.find_first_of("/:@?# \t\r\n") != std::string::npos)
    reader.Error("server_name", "must be a host name without port");
  return tls;
}

void ReadTlsOf(MappingReader* reader, TlsClientConfig* tls) {
  if (const Node* node = reader->TakeMapping("tls_config"))
    *tls = ReadTls(*node, reader->Path("tls_config"), &reader->report());
}

std::map<std::string, std::vector<std::string>> ReadConnectHeaders(MappingReader* reader) {
  std::map<std::string, std::vector<std::string>> headers;
  const Node* node = reader->TakeMapping("proxy_connect_header");
  if (node == nullptr) return headers;
  MappingReader values(*node, reader->Path("proxy_connect_header"), &reader->report());
  for (size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const std::string& name = node->items[i].scalar;
    if (!IsHeaderName(name)) values.Error(name, "not a header's name");
    values.StringList(name, &headers[name]);
  }
  return headers;
}

ProxyConfig ReadProxy(MappingReader* reader) {
  ProxyConfig proxy;
  reader->String("proxy_url", &proxy.url);
  reader->String("no_proxy", &proxy.no_proxy);
  reader->Bool("proxy_from_environment", &proxy.from_environment);
  proxy.connect_headers = ReadConnectHeaders(reader);
  if (proxy.from_environment && !proxy.url.empty())
    reader->Error("proxy_url", "at most one of proxy_url and proxy_from_environment may be given");
  if (proxy.from_environment && !proxy.no_proxy.empty())
    reader->Error("no_proxy", "the environment's NO_PROXY is used with proxy_from_environment");
  if (!proxy.no_proxy.empty() && proxy.url.empty() && !proxy.from_environment)
    reader->Error("no_proxy", "needs proxy_url");
  if (!proxy.connect_headers.empty() && proxy.url.empty() && !proxy.from_environment)
    reader->Error("proxy_connect_header", "needs proxy_url or proxy_from_environment");
  const size_t scheme = proxy.url.find("://");
  const std::string_view kind = std::string_view(proxy.url).substr(0, scheme);
  if (!proxy.url.empty() &&
      (scheme == std::string::npos ||
       (kind != "http" && kind != "https" && kind != "socks5" && kind != "socks5h"))) {
    reader->Error("proxy_url", "must begin with http://, https://, socks5:// or socks5h://");
  }
  return proxy;
}

BasicAuthConfig ReadBasicAuth(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  BasicAuthConfig auth;
  ReadTextOrFile(&reader, "username", "username_file", &auth.username);
  ReadTextOrFile(&reader, "password", "password_file", &auth.password);
  RefuseReferences(&reader, {"username_ref", "password_ref"});
  reader.Finish();
  return auth;
}

AuthorizationConfig ReadAuthorization(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  AuthorizationConfig auth;
  reader.String("type", &auth.type);
  ReadTextOrFile(&reader, "credentials", "credentials_file", &auth.credentials);
  RefuseReferences(&reader, {"credentials_ref"});
  reader.Finish();
  auth.type = base::TrimSpace(auth.type);
  if (auth.type.empty()) auth.type = "Bearer";
  if (auth.type.find_first_of(" \t\r\n") != std::string::npos)
    reader.Error("type", "must be one word");
  if (EqualFold(auth.type, "basic"))
    reader.Error("type", "cannot be \"basic\": use basic_auth instead");
  return auth;
}

OAuth2Config ReadOAuth2(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  OAuth2Config oauth2;
  reader.String("client_id", &oauth2.client_id);
  ReadTextOrFile(&reader, "client_secret", "client_secret_file", &oauth2.client_secret);
  reader.StringList("scopes", &oauth2.scopes);
  reader.String("token_url", &oauth2.token_url);
  reader.StringMap("endpoint_params", &oauth2.endpoint_params);
  ReadTlsOf(&reader, &oauth2.tls);
  oauth2.proxy = ReadProxy(&reader);
  RefuseReferences(&reader, {"client_secret_ref", "client_certificate_key_ref"});
  for (std::string_view key :
       {"client_certificate_key", "client_certificate_key_file", "client_certificate_key_id",
        "signature_algorithm", "iss", "audience", "claims"}) {
    reader.RefuseIfSet(key, "this version has the client_credentials grant only");
  }
  std::string grant;
  if (reader.String("grant_type", &grant) && grant != "client_credentials" && !grant.empty())
    reader.Error("grant_type", "this version has client_credentials only");
  reader.Finish();
  if (oauth2.client_id.empty()) reader.Error("client_id", "is required");
  if (!oauth2.client_secret.given())
    reader.Error("client_secret", "client_secret or client_secret_file is required");
  if (!oauth2.token_url.starts_with("http://") && !oauth2.token_url.starts_with("https://"))
    reader.Error("token_url", "must be an http or https URL");
  return oauth2;
}

HttpHeaderConfig ReadHeader(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  HttpHeaderConfig header;
  reader.StringList("values", &header.values);
  reader.StringList("secrets", &header.secrets);
  reader.StringList("files", &header.files);
  reader.Finish();
  for (std::string& file : header.files) file = Absolute(file, report->file());
  for (const auto* texts : {&header.values, &header.secrets}) {
    for (const std::string& text : *texts) {
      if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
        report->Error(node, path, "a header's value is one line");
    }
  }
  return header;
}

std::map<std::string, HttpHeaderConfig> ReadHeaders(MappingReader* reader) {
  std::map<std::string, HttpHeaderConfig> headers;
  const Node* node = reader->TakeMapping("http_headers");
  if (node == nullptr) return headers;
  for (size_t i = 0; i + 1 < node->items.size(); i += 2) {
    const std::string& name = node->items[i].scalar;
    const std::string path = StrCat(reader->Path("http_headers"), ".", name);
    if (std::string_view problem = HeaderProblem(name); !problem.empty())
      reader->report().Error(node->items[i], path, problem);
    headers[name] = ReadHeader(node->items[i + 1], path, &reader->report());
  }
  return headers;
}

void ReadBearerToken(MappingReader* reader, HttpClientConfig* config) {
  TextOrFile token;
  ReadTextOrFile(reader, "bearer_token", "bearer_token_file", &token);
  if (!token.given()) return;
  const std::string_view key = token.text.empty() ? "bearer_token_file" : "bearer_token";
  if (config->basic_auth || config->oauth2 || config->authorization) {
    reader->Error(key,
                  "at most one of basic_auth, oauth2, authorization and bearer_token may be given");
  }
  config->authorization = AuthorizationConfig{"Bearer", std::move(token)};
}

void Put(std::string* out, std::string_view text) { base::PutUvarintString(*out, text); }
void Put(std::string* out, const TextOrFile& value) {
  Put(out, value.text);
  Put(out, value.file);
}
void Put(std::string* out, uint64_t value) { base::PutUvarint(*out, value); }
void Put(std::string* out, const std::vector<std::string>& texts) {
  Put(out, uint64_t{texts.size()});
  for (const std::string& text : texts) Put(out, text);
}

void Put(std::string* out, const TlsClientConfig& tls) {
  for (const TextOrFile* value : {&tls.ca, &tls.cert, &tls.key}) Put(out, *value);
  Put(out, tls.server_name);
  Put(out, uint64_t{tls.insecure_skip_verify});
  Put(out, static_cast<uint64_t>(tls.min_version));
  Put(out, static_cast<uint64_t>(tls.max_version));
}

void Put(std::string* out, const ProxyConfig& proxy) {
  Put(out, proxy.url);
  Put(out, proxy.no_proxy);
  Put(out, uint64_t{proxy.from_environment});
  Put(out, uint64_t{proxy.connect_headers.size()});
  for (const auto& [name, values] : proxy.connect_headers) {
    Put(out, name);
    Put(out, values);
  }
}

void Put(std::string* out, const OAuth2Config& oauth2) {
  Put(out, oauth2.client_id);
  Put(out, oauth2.client_secret);
  Put(out, oauth2.scopes);
  Put(out, oauth2.token_url);
  Put(out, uint64_t{oauth2.endpoint_params.size()});
  for (const auto& [name, value] : oauth2.endpoint_params) {
    Put(out, name);
    Put(out, value);
  }
  Put(out, oauth2.tls);
  Put(out, oauth2.proxy);
}

}  // namespace

std::string_view HeaderProblem(std::string_view name) {
  const bool reserved = std::any_of(kReservedHeaders.begin(), kReservedHeaders.end(),
                                    [&](std::string_view r) { return EqualFold(r, name); });
  if (reserved) return "this header is set by the program";
  return IsHeaderName(name) ? "" : "not a header's name";
}

HttpClientConfig ReadHttpClientConfig(MappingReader* reader) {
  HttpClientConfig config;
  if (const Node* node = reader->TakeMapping("basic_auth"))
    config.basic_auth = ReadBasicAuth(*node, reader->Path("basic_auth"), &reader->report());
  if (const Node* node = reader->TakeMapping("authorization"))
    config.authorization =
        ReadAuthorization(*node, reader->Path("authorization"), &reader->report());
  if (const Node* node = reader->TakeMapping("oauth2"))
    config.oauth2 = ReadOAuth2(*node, reader->Path("oauth2"), &reader->report());
  const int given = int{config.basic_auth.has_value()} + int{config.authorization.has_value()} +
                    int{config.oauth2.has_value()};
  if (given > 1) {
    reader->Error(config.oauth2 ? "oauth2" : "authorization",
                  "at most one of basic_auth, oauth2 and authorization may be given");
  }
  ReadBearerToken(reader, &config);
  ReadTlsOf(reader, &config.tls);
  config.proxy = ReadProxy(reader);
  config.headers = ReadHeaders(reader);
  reader->Bool("follow_redirects", &config.follow_redirects);
  reader->Bool("enable_http2", &config.enable_http2);
  return config;
}

Result<HttpClientConfig> LoadHttpClientConfig(const std::string& path) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  const std::string text = TRY(base::ReadFile(path, kMaxBytes));
  const Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  HttpClientConfig config = ReadHttpClientConfig(&reader);
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  return config;
}

std::string Identity(const HttpClientConfig& config) {
  std::string out;
  Put(&out, uint64_t{config.basic_auth.has_value()});
  if (config.basic_auth) {
    Put(&out, config.basic_auth->username);
    Put(&out, config.basic_auth->password);
  }
  Put(&out, uint64_t{config.authorization.has_value()});
  if (config.authorization) {
    Put(&out, config.authorization->type);
    Put(&out, config.authorization->credentials);
  }
  Put(&out, uint64_t{config.oauth2.has_value()});
  if (config.oauth2) Put(&out, *config.oauth2);
  Put(&out, config.tls);
  Put(&out, config.proxy);
  Put(&out, uint64_t{config.headers.size()});
  for (const auto& [name, header] : config.headers) {
    Put(&out, name);
    Put(&out, header.values);
    Put(&out, header.secrets);
    Put(&out, header.files);
  }
  Put(&out, uint64_t{config.follow_redirects});
  Put(&out, uint64_t{config.enable_http2});
  return out;
}

}  // namespace slurmscope::config
