#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/http_client.h"
#include "edge/watched_files.h"
#include "http/client.h"

namespace slurmscope::edge {

// The settings of all requests of an http_config: reads files again when they change (they are
// looked at once in a second at most) and fetches OAuth2 tokens. The object stays the same as long
// as nothing has changed, so that it can serve as a mark. Thread-safe. Always held by a shared_ptr:
// a token that is under way keeps it alive. The client must outlive it.
class ClientAuth : public std::enable_shared_from_this<ClientAuth> {
 public:
  using Settings = std::shared_ptr<const http::ClientSettings>;
  using Done = std::function<void(const Result<Settings>&)>;

  ClientAuth(config::HttpClientConfig config, http::Client& client,
             const base::Clock& clock = base::SystemClock());

  // The settings, when nothing has to be fetched for them.
  std::optional<Result<Settings>> Ready();
  // Calls `done` once: at once, or later on the client's thread when a token has to be fetched. An
  // error names the file that could not be read, or why there is no token; never a secret.
  void Get(const Done& done);

 private:
  static constexpr int64_t kPauseNs = 1'000'000'000;
  static constexpr size_t kMaxWaiting = 100'000;

  Result<Settings> Base();
  std::optional<Result<Settings>> ReadyLocked();
  Result<http::ClientSettings> Load();
  void FetchToken(bool in_body);
  http::ClientRequest TokenRequest(bool in_body) const;
  void TakeToken(const Result<http::ClientResponse>& response, bool in_body);
  void Finish(const Result<Settings>& result);

  const config::HttpClientConfig config_;
  http::Client& client_;
  const base::Clock& clock_;
  std::mutex mutex_;  // for all below
  WatchedFiles files_;
  std::optional<Result<Settings>> base_;  // all but the token
  int64_t checked_ns_ = 0;
  // OAuth2:
  std::string client_secret_;
  Settings token_settings_;
  Settings with_token_;
  int64_t token_until_ns_ = 0;
  bool secret_in_body_ = false;  // the server did not take it in a header
  bool fetching_ = false;
  std::deque<Done> waiting_;
};

}  // namespace slurmscope::edge
