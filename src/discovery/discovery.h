#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/duration_summary.h"
#include "config/prometheus.h"
#include "discovery/resolver.h"
#include "http/client.h"

namespace slurmscope::discovery {

// The target groups of every scrape job, by job name.
using TargetGroups = std::map<std::string, std::vector<config::TargetGroup>>;

// How asking went, of one kind of discovery for one job.
struct RefreshStats {
  std::string mechanism;  // "http", "dns", "consul"
  std::string job;
  uint64_t refreshes = 0;
  uint64_t failures = 0;
  base::DurationSummary::Values durations;  // with quantiles of RefreshRanks()
};
const std::vector<double>& RefreshRanks();

// Figures for the program's own /metrics.
struct DiscoveryStats {
  std::map<std::string, uint64_t> discovered_targets;  // by job
  uint64_t file_read_errors = 0;
  uint64_t updates = 0;  // told to the owner
  uint64_t changes = 0;  // of what was found, told or not yet
  std::vector<RefreshStats> refreshes;
  uint64_t http_failures = 0;
  uint64_t dns_lookups = 0;
  uint64_t dns_failures = 0;
  uint64_t consul_failures = 0;
};

struct DiscoveryOptions {
  int64_t update_interval_ms = 5000;  // many changes make one update
  // Asks over HTTP; without it http_sd_configs and consul_sd_configs find nothing. Must outlive the
  // manager.
  http::Client* client = nullptr;
  ResolverOptions resolver = {};
};

// Finds targets: static lists at once, files read again when they change (inotify) and every
// refresh_interval, and what HTTP servers, DNS and Consul say every refresh_interval; who does not
// answer keeps its last good groups. A file that is broken or unreadable keeps its last good groups
// and is logged once per change; the groups of one that is gone go with it, as in Prometheus.
// Groups of files carry the label __meta_filepath. Thread-safe.
class Manager {
 public:
  // Called on the manager's thread with the whole picture, first soon after Apply, later at each
  // change (at most every update_interval_ms, but for the first answer of somebody new).
  using OnUpdate = std::function<void(const TargetGroups&)>;

  explicit Manager(OnUpdate on_update, const DiscoveryOptions& options = {});
  ~Manager();

  // Takes a new configuration; may be called again at any time (reload).
  void Apply(const std::vector<config::ScrapeConfig>& configs);
  DiscoveryStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::discovery
