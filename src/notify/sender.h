#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/duration_summary.h"
#include "config/prometheus.h"
#include "edge/client_auth.h"
#include "http/client.h"
#include "model/alert.h"

namespace slurmscope::notify {

using AlertPtr = std::shared_ptr<const model::Alert>;

// Figures of one Alertmanager, since it was found.
struct SenderStats {
  std::string url;
  uint64_t sent = 0;     // alerts
  uint64_t errors = 0;   // alerts that it did not take
  uint64_t dropped = 0;  // alerts that did not fit into the queue or that it did not take
  uint64_t queued = 0;   // now
  base::DurationSummary::Values requests;  // with quantiles of LatencyRanks()
};
const std::vector<double>& LatencyRanks();

// How alerts are sent; shared by all senders of a configuration.
struct SenderOptions {
  size_t queue_capacity = 10'000;
  size_t batch_size = 256;
};

// The queue of one Alertmanager. Thread-safe. Always held by a shared_ptr: requests that are under
// way keep it alive.
class Sender : public std::enable_shared_from_this<Sender> {
 public:
  Sender(std::string url, std::shared_ptr<const config::AlertmanagerConfig> config,
         std::shared_ptr<edge::ClientAuth> auth, const SenderOptions& options, http::Client& client,
         const base::Clock& clock)
      : url_(std::move(url)),
        options_(options),
        client_(client),
        clock_(clock),
        config_(std::move(config)),
        auth_(std::move(auth)) {}

  const std::string& url() const { return url_; }
  std::shared_ptr<const config::AlertmanagerConfig> config() const;
  void SetConfig(std::shared_ptr<const config::AlertmanagerConfig> config,
                 std::shared_ptr<edge::ClientAuth> auth);

  // Queues alerts and sends when nothing is under way. What does not fit pushes the oldest out.
  void Push(const std::vector<AlertPtr>& alerts);
  // Nothing more is taken or sent but, with `drain`, what is queued.
  void Stop(bool drain);
  // True when nothing is queued or under way; waits for that until a time of SteadyNs.
  bool WaitUntilEmpty(int64_t deadline_ns);

  SenderStats stats() const;

 private:
  void SendNext(std::unique_lock<std::mutex>& lock);
  void Finished(size_t alerts, int64_t begin_ns, const http::Result<http::ClientResponse>& result);
  http::ClientRequest MakeRequest(const std::vector<AlertPtr>& batch) const;

  const std::string url_;
  const SenderOptions options_;
  http::Client& client_;
  const base::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::shared_ptr<const config::AlertmanagerConfig> config_;
  std::shared_ptr<edge::ClientAuth> auth_;
  std::deque<AlertPtr> queue_;
  bool under_way_ = false;
  bool stopped_ = false;
  SenderStats stats_;
  base::DurationSummary durations_;
};

// The body of a request: a list of alerts as Alertmanager's API v2 takes it.
std::string AlertsJson(const std::vector<AlertPtr>& alerts);

}  // namespace slurmscope::notify
