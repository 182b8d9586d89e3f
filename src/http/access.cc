#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "http/access_impl.h"
#include "http/basic_auth.h"

namespace slurmscope::http {

namespace {

constexpr int64_t kRefreshPauseNs = 1'000'000'000;

Response Unauthorized() {
  Response response = Response::Text(401, "Unauthorized\n");
  response.headers.emplace_back("WWW-Authenticate", "Basic");
  return response;
}

Response ComeBack(int status, std::string text, std::string seconds) {
  Response response = Response::Text(status, std::move(text));
  response.headers.emplace_back("Retry-After", std::move(seconds));
  return response;
}

Result<std::shared_ptr<const TlsContext>> ContextOf(const AccessSettings& settings) {
  if (!settings.tls) return std::shared_ptr<const TlsContext>();
  return TlsContext::Create(*settings.tls);
}

}  // namespace

std::string ClientOf(std::string_view remote_address) {
  const size_t colon = remote_address.rfind(':');
  std::string_view host = remote_address.substr(0, colon);
  if (host.size() < 2 || host.front() != '[') return std::string(host);
  const std::string text(host.substr(1, host.size() - 2));
  in6_addr address{};
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return text;
  if (IN6_IS_ADDR_LOOPBACK(&address)) return text;
  std::memset(&address.s6_addr[8], 0, 8);
  std::array<char, INET6_ADDRSTRLEN> network{};
  inet_ntop(AF_INET6, &address, network.data(), network.size());
  return network.data();
}

AccessImpl::AccessImpl(AccessSettings settings, std::shared_ptr<const TlsContext> tls,
                       Refresh refresh, const base::Clock& clock)
    : has_tls_(tls != nullptr),
      refresh_(std::move(refresh)),
      clock_(clock),
      passwords_(clock),
      refreshed_ns_(clock.SteadyNs()) {
  Set(std::move(settings), std::move(tls));
}

void AccessImpl::Set(AccessSettings settings, std::shared_ptr<const TlsContext> tls) {
  auto state = std::make_shared<State>();
  state->users = Users(settings.users.begin(), settings.users.end());
  state->settings = std::move(settings);
  state->tls = std::move(tls);
  const std::lock_guard lock(mutex_);
  tokens_ = static_cast<double>(state->settings.rate_limit_burst);
  tokens_at_ns_ = clock_.SteadyNs();
  state_ = std::move(state);
}

std::shared_ptr<const AccessImpl::State> AccessImpl::Current() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool AccessImpl::knows_clients() const {
  const auto state = Current();
  const auto& tls = state->settings.tls;
  return !state->users.empty() ||
         (tls && tls->client_cert_policy == ClientCertPolicy::kRequireAndVerify);
}

void AccessImpl::RefreshNow() {
  if (!refresh_ || clock_.SteadyNs() - refreshed_ns_.load() < kRefreshPauseNs) return;
  const std::unique_lock lock(refresh_mutex_, std::try_to_lock);
  if (!lock || clock_.SteadyNs() - refreshed_ns_.load() < kRefreshPauseNs) return;
  auto settings = refresh_();
  refreshed_ns_ = clock_.SteadyNs();
  if (!settings) return;
  if (settings->tls.has_value() != has_tls_) {
    base::LogError("TLS is switched on or off at a restart only; the running settings stay");
    return;
  }
  auto tls = ContextOf(*settings);
  if (!tls) {
    base::LogError("new TLS settings not taken, the running ones stay", {{"error", tls.error()}});
    return;
  }
  Set(*std::move(settings), *std::move(tls));
  base::LogInfo("users and certificates loaded");
}

std::optional<Response> AccessImpl::Refusal(const Request& request, bool may_work) {
  const auto state = Current();
  if (state->users.empty()) return std::nullopt;
  const auto given = ParseBasicAuth(request.Header("Authorization"));
  if (!given) return Unauthorized();
  switch (passwords_.Check(state->users, given->user, given->password,
                           ClientOf(request.remote_address), may_work)) {
    case PasswordCheck::Verdict::kGood:
    case PasswordCheck::Verdict::kUndecided:
      return std::nullopt;
    case PasswordCheck::Verdict::kThrottled:
      return ComeBack(429, "too many wrong passwords from this address; try again later\n", "60");
    case PasswordCheck::Verdict::kBusy:
      return ComeBack(503, "too many passwords are being checked; try again\n", "1");
    case PasswordCheck::Verdict::kBad:
      break;
  }
  return Unauthorized();
}

std::optional<Response> AccessImpl::RateRefusal() {
  const std::lock_guard lock(mutex_);
  const AccessSettings& settings = state_->settings;
  if (settings.rate_limit_interval_ms <= 0) return std::nullopt;
  const int64_t now = clock_.SteadyNs();
  const double earned = static_cast<double>(now - tokens_at_ns_) /
                        (static_cast<double>(settings.rate_limit_interval_ms) * 1e6);
  tokens_ = std::min(tokens_ + earned, static_cast<double>(settings.rate_limit_burst));
  tokens_at_ns_ = now;
  if (tokens_ < 1) return ComeBack(429, "Too Many Requests\n", "1");
  tokens_ -= 1;
  return std::nullopt;
}

void AccessImpl::AddHeaders(Response& response) const {
  const auto state = Current();
  for (const auto& [name, value] : state->settings.headers) {
    const bool has =
        std::any_of(response.headers.begin(), response.headers.end(),
                    [&name = name](const auto& header) { return header.first == name; });
    if (!has) response.headers.emplace_back(name, value);
  }
}

Result<std::shared_ptr<Access>> Access::Create(AccessSettings settings, Refresh refresh,
                                               const base::Clock& clock) {
  auto tls = TRY(ContextOf(settings));
  return std::make_shared<AccessImpl>(std::move(settings), std::move(tls), std::move(refresh),
                                      clock);
}

}  // namespace slurmscope::http
