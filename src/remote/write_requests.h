#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/remote.h"
#include "edge/client_auth.h"
#include "http/client.h"
#include "remote/write_encoder.h"

namespace slurmscope::remote {

// Sends messages to one receiver, and keeps the answers until the thread that sends asks for them.
// Wake() may be called by any thread, the rest by one.
class WriteRequests {
 public:
  struct Done {
    uint64_t id = 0;
    base::Result<http::ClientResponse> result;
    double seconds = 0;
  };

  // The client must outlive all requests, not only this.
  WriteRequests(const config::RemoteWriteConfig& config, http::Client& client,
                const base::Clock& clock);

  // `body` is the message as a snappy block.
  void Send(uint64_t id, WriteVersion version, std::string body);
  // The answers that came since.
  std::vector<Done> Take();
  // Until one comes, Wake() is called, or a time of SteadyNs.
  void Wait(int64_t until_ns);
  void Wake();

 private:
  struct Inbox;

  const std::string url_;
  const int64_t timeout_ms_;
  const bool follow_redirects_;
  const bool shuffle_addresses_;
  const http::Pairs headers_;
  http::Client& client_;
  const base::Clock& clock_;
  const std::shared_ptr<edge::ClientAuth> auth_;
  const std::shared_ptr<Inbox> inbox_;  // answers may come when this is gone
};

}  // namespace slurmscope::remote
