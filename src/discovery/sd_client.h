#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "edge/client_auth.h"
#include "http/client.h"

namespace slurmscope::discovery {

// GET requests with the settings of an http_config. Thread-safe; the client must outlive it.
class SdClient {
 public:
  using Done = std::function<void(base::Result<http::ClientResponse>)>;

  SdClient(const config::HttpClientConfig& config, http::Client& client);

  // `done` is called once, with a response of status 200 or an error that names the status.
  void Get(std::string url, http::Pairs headers, int64_t timeout_ms, Done done) const;

 private:
  http::Client& client_;
  bool follow_redirects_;
  std::shared_ptr<edge::ClientAuth> auth_;
};

}  // namespace slurmscope::discovery
