#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/prometheus.h"
#include "discovery/discovery.h"
#include "http/client.h"
#include "model/alert.h"
#include "notify/sender.h"

namespace slurmscope::notify {

struct ManagerOptions {
  SenderOptions sender;
  bool drain_on_stop = true;
  int64_t drain_ms = 10'000;  // at most
};

// The Alertmanagers known now, by the URL that alerts are sent to.
struct Alertmanagers {
  std::vector<std::string> active;
  std::vector<std::string> dropped;  // by relabelling
};

struct NotifyStats {
  std::vector<SenderStats> senders;
  discovery::DiscoveryStats discovery;
  size_t queue_capacity = 0;
};

// Finds Alertmanagers and tells them alerts. Thread-safe.
class Manager {
 public:
  // The client must outlive the manager.
  Manager(ManagerOptions options, http::Client& client,
          const base::Clock& clock = base::SystemClock());
  // Sends what is queued, for a time, unless told otherwise.
  ~Manager();

  // Queues that an Alertmanager of the same URL has are kept.
  void Apply(const config::AlertingConfig& config,
             const std::map<std::string, std::string>& external_labels);

  // Adds the external labels, relabels and queues for every Alertmanager. Does not wait.
  void Send(const std::vector<model::Alert>& alerts);

  Alertmanagers alertmanagers() const;
  NotifyStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::notify
