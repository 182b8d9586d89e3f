#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/prometheus.h"

namespace slurmscope::discovery {

// The target groups of every scrape job, by job name.
using TargetGroups = std::map<std::string, std::vector<config::TargetGroup>>;

// Figures for the program's own /metrics.
struct DiscoveryStats {
  std::map<std::string, uint64_t> discovered_targets;  // by job
  uint64_t file_read_errors = 0;
};

// Finds targets: static lists at once, files read again when they change (inotify) and every
// refresh_interval. A file that is broken or unreadable keeps its last good groups and is logged
// once per change; the groups of one that is gone go with it, as in Prometheus. Groups of files
// carry the label __meta_filepath. Thread-safe.
class Manager {
 public:
  // Called on the manager's thread with the whole picture, first soon after Apply, later at each
  // change (at most every `update_interval_ms`, so that many changes make one update).
  using OnUpdate = std::function<void(const TargetGroups&)>;

  explicit Manager(OnUpdate on_update, int64_t update_interval_ms = 5000);
  ~Manager();

  // Takes a new configuration; may be called again at any time (reload).
  void Apply(const std::vector<config::ScrapeConfig>& configs);
  DiscoveryStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::discovery
