#include "edge/client_auth.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "config/yaml.h"
#include "edge/tls_settings.h"
#include "http/basic_auth.h"

namespace slurmscope::edge {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr uint64_t kMaxTokenBytes = 1 << 20;
constexpr int64_t kTokenTimeoutMs = 10'000;
constexpr int64_t kSecondNs = 1'000'000'000;
// A token is not used in its last seconds: it has to arrive before it ends.
constexpr int64_t kTokenMarginNs = 10 * kSecondNs;
// Of a token whose server does not say how long it is good.
constexpr int64_t kTokenSeconds = 3600;

// A secret in a file: with the line's end that editors write.
Result<std::string> ReadSecret(const config::TextOrFile& from, std::string_view what,
                               WatchedFiles& files) {
  std::string text = TRY(ReadText(from, what, files));
  if (!from.file.empty()) text = base::TrimSpace(text);
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return Fail(ErrorCode::kInvalidArgument, StrCat(what, " has more than one line"));
  return text;
}

std::string Environment(const char* upper, const char* lower) {
  for (const char* name : {upper, lower}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

// "proxy:3128" in the environment means http.
std::string AsUrl(std::string text) {
  return text.empty() || text.find("://") != std::string::npos ? text : "http://" + text;
}

http::ProxySettings ProxyOf(const config::ProxyConfig& config) {
  http::ProxySettings proxy;
  if (config.from_environment) {
    proxy.for_http = AsUrl(Environment("HTTP_PROXY", "http_proxy"));
    proxy.for_https = AsUrl(Environment("HTTPS_PROXY", "https_proxy"));
    proxy.no_proxy = Environment("NO_PROXY", "no_proxy");
    proxy.spares_loopback = true;
  } else {
    proxy.for_http = proxy.for_https = config.url;
    proxy.no_proxy = config.no_proxy;
    proxy.spares_loopback = !config.no_proxy.empty();  // as in Prometheus
  }
  for (const auto& [name, values] : config.connect_headers) {
    for (const std::string& value : values) proxy.connect_headers.emplace_back(name, value);
  }
  return proxy;
}

Result<std::string> AuthorizationOf(const config::HttpClientConfig& config, WatchedFiles& files) {
  if (config.basic_auth) {
    std::string user = TRY(ReadSecret(config.basic_auth->username, "basic auth username", files));
    std::string password =
        TRY(ReadSecret(config.basic_auth->password, "basic auth password", files));
    return http::BasicAuthHeader(user, password);
  }
  if (!config.authorization) return std::string();
  std::string credentials =
      TRY(ReadSecret(config.authorization->credentials, "authorization credentials", files));
  return StrCat(config.authorization->type, " ", credentials);
}

struct Token {
  std::string header;
  int64_t seconds = 0;
};
// The answer of RFC 6749, section 5.1.
Result<Token> ParseToken(const std::string& body) {
  const auto root = config::ParseJson(body, "token");
  const auto text = [&](std::string_view name) {
    const config::Node* node = root ? root->Find(name) : nullptr;
    return node != nullptr && node->kind == config::Node::Kind::kScalar ? node->scalar
                                                                        : std::string();
  };
  const std::string token = text("access_token");
  if (token.empty() || token.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return Fail(ErrorCode::kUnavailable, "the server's answer holds no access_token");
  const std::string type = text("token_type");
  const auto seconds = base::ParseInt<int64_t>(text("expires_in"));
  const bool bearer = type.empty() || type == "bearer" || type == "Bearer";
  if (!bearer && type.find_first_of(" \t\r\n") != std::string::npos)
    return Fail(ErrorCode::kUnavailable, "the server's answer holds an odd token_type");
  return Token{StrCat(bearer ? "Bearer" : type, " ", token),
               seconds && *seconds > 0 ? std::min<int64_t>(*seconds, 365 * 86400) : kTokenSeconds};
}

}  // namespace

Result<http::TlsClientSettings> LoadTls(const config::TlsClientConfig& config,
                                        WatchedFiles& files) {
  http::TlsClientSettings tls;
  tls.ca = TRY(ReadText(config.ca, "CA cert", files));
  tls.cert = TRY(ReadText(config.cert, "client cert", files));
  tls.key = TRY(ReadText(config.key, "client key", files));
  tls.server_name = config.server_name;
  tls.verify = !config.insecure_skip_verify;
  tls.min_version = static_cast<http::TlsVersion>(config.min_version);
  tls.max_version = static_cast<http::TlsVersion>(config.max_version);
  return tls;
}

ClientAuth::ClientAuth(config::HttpClientConfig config, http::Client& client,
                       const base::Clock& clock)
    : config_(std::move(config)), client_(client), clock_(clock) {}

Result<http::ClientSettings> ClientAuth::Load() {
  files_.Clear();
  http::ClientSettings settings;
  settings.tls = TRY(LoadTls(config_.tls, files_));
  settings.proxy = ProxyOf(config_.proxy);
  settings.http2 = config_.enable_http2;
  std::string authorization = TRY(AuthorizationOf(config_, files_));
  if (!authorization.empty())
    settings.headers.emplace_back("Authorization", std::move(authorization));
  for (const auto& [name, header] : config_.headers) {
    for (const auto* texts : {&header.values, &header.secrets}) {
      for (const std::string& text : *texts) settings.headers.emplace_back(name, text);
    }
    for (const std::string& file : header.files) {
      settings.headers.emplace_back(name,
                                    TRY(ReadSecret({{}, file}, StrCat("header ", name), files_)));
    }
  }
  if (!config_.oauth2) return settings;
  client_secret_ = TRY(ReadSecret(config_.oauth2->client_secret, "client secret", files_));
  http::ClientSettings for_token;
  for_token.tls = TRY(LoadTls(config_.oauth2->tls, files_));
  for_token.proxy = ProxyOf(config_.oauth2->proxy);
  token_settings_ = std::make_shared<const http::ClientSettings>(std::move(for_token));
  return settings;
}

Result<ClientAuth::Settings> ClientAuth::Base() {
  const int64_t now = clock_.SteadyNs();
  if (base_ && now - checked_ns_ < kPauseNs) return *base_;
  checked_ns_ = now;
  // What failed is tried again: a file system may have been away.
  if (base_ && *base_ && !files_.TakeChange()) return *base_;
  auto loaded = Load();
  if (!loaded) {
    base_ = Result<Settings>(Fail(std::move(loaded).error()));
  } else if (!base_ || !*base_ || ***base_ != *loaded || config_.oauth2) {
    base_ = Result<Settings>(std::make_shared<const http::ClientSettings>(*std::move(loaded)));
    with_token_ = nullptr;
  }
  return *base_;
}

std::optional<Result<ClientAuth::Settings>> ClientAuth::ReadyLocked() {
  auto base = Base();
  if (!base || !config_.oauth2) return base;
  if (with_token_ && clock_.SteadyNs() < token_until_ns_) return with_token_;
  return std::nullopt;
}

std::optional<Result<ClientAuth::Settings>> ClientAuth::Ready() {
  const std::lock_guard lock(mutex_);
  return ReadyLocked();
}

void ClientAuth::Get(const Done& done) {
  std::unique_lock lock(mutex_);
  if (const auto ready = ReadyLocked()) {
    lock.unlock();
    return done(*ready);
  }
  if (waiting_.size() >= kMaxWaiting) {
    lock.unlock();
    return done(Fail(ErrorCode::kResourceExhausted, "too many requests wait for a token"));
  }
  waiting_.push_back(done);
  if (std::exchange(fetching_, true)) return;
  const bool in_body = secret_in_body_;
  lock.unlock();
  FetchToken(in_body);
}

http::ClientRequest ClientAuth::TokenRequest(bool in_body) const {
  const config::OAuth2Config& oauth2 = *config_.oauth2;
  http::Pairs form = {{"grant_type", "client_credentials"}};
  if (!oauth2.scopes.empty()) form.emplace_back("scope", base::Join(oauth2.scopes, " "));
  for (const auto& [name, value] : oauth2.endpoint_params) form.emplace_back(name, value);
  http::ClientRequest request;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  if (in_body) {
    form.emplace_back("client_id", oauth2.client_id);
    form.emplace_back("client_secret", client_secret_);
  } else {
    // Encoded first, as RFC 6749, section 2.3.1 wants it.
    request.headers.emplace_back(
        "Authorization",
        http::BasicAuthHeader(http::UrlEncode(oauth2.client_id), http::UrlEncode(client_secret_)));
  }
  request.method = "POST";
  request.url = oauth2.token_url;
  request.body = http::EncodeForm(form);
  request.timeout_ms = kTokenTimeoutMs;
  request.max_body_bytes = kMaxTokenBytes;
  request.follow_redirects = false;
  request.settings = token_settings_;
  return request;
}

void ClientAuth::FetchToken(bool in_body) {
  http::ClientRequest request;
  {
    const std::lock_guard lock(mutex_);
    request = TokenRequest(in_body);
  }
  client_.Fetch(std::move(request),
                [self = shared_from_this(), in_body](const Result<http::ClientResponse>& response) {
                  self->TakeToken(response, in_body);
                });
}

void ClientAuth::TakeToken(const Result<http::ClientResponse>& response, bool in_body) {
  const auto refused = [&](std::string_view why) {
    Finish(Fail(ErrorCode::kUnavailable, StrCat("oauth2: cannot fetch token: ", why)));
  };
  if (!response) return refused(response.error().message());
  const bool client_error = response->status / 100 == 4;
  // Servers differ in where they want the secret; the header is what the RFC prefers.
  if (client_error && !in_body) return FetchToken(true);
  // The body is not quoted: some servers send the request back.
  if (response->status / 100 != 2) return refused(StrCat("status ", response->status));
  auto token = ParseToken(response->body);
  if (!token) return refused(token.error().message());
  Settings settings;
  {
    const std::lock_guard lock(mutex_);
    secret_in_body_ = in_body;
    http::ClientSettings with = base_ && *base_ ? ***base_ : http::ClientSettings();
    with.headers.emplace_back("Authorization", std::move(token->header));
    token_until_ns_ =
        clock_.SteadyNs() + std::max(kSecondNs, token->seconds * kSecondNs - kTokenMarginNs);
    settings = with_token_ = std::make_shared<const http::ClientSettings>(std::move(with));
  }
  Finish(settings);
}

void ClientAuth::Finish(const Result<Settings>& result) {
  std::deque<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    fetching_ = false;
    waiting.swap(waiting_);
  }
  for (const Done& done : waiting) done(result);
}

}  // namespace slurmscope::edge
