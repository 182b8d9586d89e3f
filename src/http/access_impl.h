#pragma once

#include <atomic>
#include <mutex>
#include <string_view>

#include "http/access.h"
#include "http/password_check.h"
#include "http/tls_server.h"

namespace slurmscope::http {

// What Access is to the servers. Private to the room.
class AccessImpl final : public Access {
 public:
  AccessImpl(AccessSettings settings, std::shared_ptr<const TlsContext> tls, Refresh refresh,
             const base::Clock& clock);

  bool has_tls() const override { return has_tls_; }
  bool knows_clients() const override;

  // Asks for new settings when it is time. Settings that cannot be used are logged and left.
  void RefreshNow();

  // For a new connection; null without TLS.
  std::shared_ptr<const TlsContext> tls() const { return Current()->tls; }

  // The refusal of a request, if it is one. Without `may_work` only what costs nothing is looked
  // at: nullopt then means that it may be all right.
  std::optional<Response> Refusal(const Request& request, bool may_work);
  std::optional<Response> RateRefusal();
  void AddHeaders(Response& response) const;

 private:
  struct State {
    AccessSettings settings;
    Users users;
    std::shared_ptr<const TlsContext> tls;
  };
  std::shared_ptr<const State> Current() const;
  void Set(AccessSettings settings, std::shared_ptr<const TlsContext> tls);

  const bool has_tls_;
  const Refresh refresh_;
  const base::Clock& clock_;
  PasswordCheck passwords_;
  std::atomic<int64_t> refreshed_ns_;
  std::mutex refresh_mutex_;
  mutable std::mutex mutex_;  // for the two below
  std::shared_ptr<const State> state_;
  double tokens_ = 0;  // of the rate limit
  int64_t tokens_at_ns_ = 0;
};

// "127.0.0.1" of "127.0.0.1:80"; of IPv6 the network of a client, 64 bits.
std::string ClientOf(std::string_view remote_address);

}  // namespace slurmscope::http
