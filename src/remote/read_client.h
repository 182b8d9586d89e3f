#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/remote.h"
#include "edge/client_auth.h"
#include "http/client.h"
#include "model/querier.h"
#include "remote/read_answer.h"

namespace slurmscope::remote {

// Asks one other system for samples by remote read. Thread-safe; the client must outlive it.
class ReadClient {
 public:
  ReadClient(config::RemoteReadConfig config, std::map<std::string, std::string> external_labels,
             ChunkDecoder decode, http::Client& client,
             const base::Clock& clock = base::SystemClock());

  const config::RemoteReadConfig& config() const { return config_; }

  // Asks for the series with samples in [mint, maxt]. What comes back waits for the answer, once,
  // and gives them sorted by labels; none when the matchers are not those that the system is asked
  // for (required_matchers). Our external labels are asked for, unless the matchers name them, and
  // taken off. Not to be waited for on the client's thread, and not after this object has gone.
  // Errors name the system.
  using Wait = std::function<Result<std::vector<ReadSeries>>()>;
  Wait Begin(const model::SelectHints& hints, int64_t mint, int64_t maxt,
             std::vector<model::Matcher> matchers) const;

 private:
  bool Asked(const std::vector<model::Matcher>& matchers) const;
  std::shared_future<Result<http::ClientResponse>> Fetch(const std::string& message) const;
  Result<std::vector<ReadSeries>> Decode(const http::ClientResponse& response,
                                         const ReadLimits& limits) const;

  const config::RemoteReadConfig config_;
  const std::map<std::string, std::string> external_labels_;
  const ChunkDecoder decode_;
  http::Client& client_;
  const std::shared_ptr<edge::ClientAuth> auth_;
};

}  // namespace slurmscope::remote
