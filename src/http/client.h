#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/proxy.h"
#include "http/server.h"
#include "http/tls.h"

namespace slurmscope::http {

// What many requests share. The headers may hold secrets: they are not logged.
struct ClientSettings {
  Pairs headers;
  TlsClientSettings tls;
  ProxySettings proxy;
  bool http2 = false;  // over TLS, where the server speaks it

  bool operator==(const ClientSettings&) const = default;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  Pairs headers;
  std::string body;
  int64_t timeout_ms = 10'000;  // for the whole exchange
  uint64_t max_body_bytes =
      64 << 20;  // decompressed; beyond it the request fails with kResourceExhausted
  bool accept_gzip = true;
  bool follow_redirects = true;
  bool shuffle_addresses = false;  // of a name that has several: one at random, not the first
  std::shared_ptr<const ClientSettings> settings;  // null: the defaults
  // The same object will be fetched again and again: a connection is kept for it alone.
  bool repeats = false;
};

struct ClientResponse {
  int status = 0;
  std::string content_type;
  Pairs headers;
  std::string body;         // decompressed
  uint64_t wire_bytes = 0;  // of the body as it came
};

// Many requests at once on one thread, connections kept alive. Thread-safe.
class Client {
 public:
  struct Options {
    std::string user_agent = "Slurmscope";
    size_t max_connections = 0;  // 0: no limit
  };
  // Runs on the client's thread: work that may take long is to be handed over. A body that is left
  // where it is is used again for another one.
  using Callback = std::function<void(Result<ClientResponse>&&)>;

  static Result<std::unique_ptr<Client>> Start(Options options);
  virtual ~Client() = default;  // running requests end with kCanceled

  // `done` is called exactly once, in the thread of the caller when the client stops or 100000
  // requests wait already. Any HTTP status is a response, not an error. Errors: kTimeout,
  // kUnavailable (connection refused, name not found, ...: the message says which),
  // kResourceExhausted, kCanceled.
  virtual void Fetch(std::shared_ptr<const ClientRequest> request, Callback done) = 0;
  void Fetch(ClientRequest request, Callback done);
  // Runs `task` once on the client's thread, at a time of base::Clock::SteadyNs or soon after (past
  // times: now). It never runs when the client stops before.
  virtual void RunAt(int64_t steady_ns, std::function<void()> task) = 0;
  // The same, waiting for the answer. Not to be called from a Callback.
  Result<ClientResponse> FetchAndWait(ClientRequest request);
};

// `url` for a message: a user and password in it are left out.
std::string RedactedUrl(const std::string& url);

// Percent-encoding of a query component, and "a=b&c=d" of pairs.
std::string UrlEncode(std::string_view text);
std::string EncodeForm(const Pairs& pairs);

}  // namespace slurmscope::http
