#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/prometheus.h"
#include "discovery/discovery.h"
#include "http/client.h"
#include "model/appender.h"
#include "model/labels.h"
#include "model/metadata.h"
#include "scrape/scrape_times.h"

namespace slurmscope::scrape {

enum class Health { kUnknown, kUp, kDown };

// A target as /api/v1/targets shows it.
struct TargetStatus {
  std::map<std::string, std::string> discovered_labels;
  model::Labels labels;
  std::string scrape_pool;
  std::string scrape_url;
  Health health = Health::kUnknown;
  std::string last_error;      // empty when the last scrape went well
  int64_t last_scrape_ms = 0;  // 0: none yet
  double last_scrape_duration_seconds = 0;
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;
};
struct DroppedTarget {
  std::map<std::string, std::string> discovered_labels;
  std::string scrape_pool;
};

struct MetadataEntry {
  std::string metric;
  model::Metadata metadata;
  model::Labels target;
};

// Of one job.
struct PoolStats {
  std::string job;
  uint64_t targets = 0;
  uint64_t target_limit = 0;
  uint64_t reloads = 0;
  uint64_t sync_failed = 0;  // targets that could not be made of what was found
  base::DurationSummary::Values sync_lengths;
  uint64_t metadata_entries = 0;
  uint64_t metadata_bytes = 0;
};

// Figures for the program's own /metrics.
struct ScrapeStats {
  uint64_t pools = 0;
  uint64_t targets = 0;
  uint64_t scrapes = 0;
  uint64_t scrapes_failed = 0;
  uint64_t scrapes_skipped = 0;  // due while the one before was still running
  uint64_t samples_appended = 0;
  uint64_t out_of_order = 0;
  uint64_t duplicate_timestamp = 0;
  uint64_t out_of_bounds = 0;
  uint64_t exemplar_out_of_order = 0;
  uint64_t exceeded_sample_limit = 0;
  uint64_t exceeded_body_size_limit = 0;
  uint64_t exceeded_target_limit = 0;
  uint64_t exceeded_label_limits = 0;
  uint64_t exceeded_bucket_limit = 0;  // of native histograms
  uint64_t cache_entries = 0;          // remembered lines of all targets
  uint64_t metadata_entries = 0;
  uint64_t pools_made = 0;
  std::vector<PoolStats> by_job;
  std::vector<ScrapeTimes::Values> intervals;
};

// The quantiles of durations in ScrapeStats.
const std::vector<double>& ScrapeRanks();

struct ManagerOptions {
  uint64_t max_body_bytes = 256ull << 20;  // where body_size_limit says nothing
  std::string user_agent = "Slurmscope";
  int64_t offset_seed = 0;  // spreads the scrapes of several servers over the interval
  // A counter that says when it began (protobuf does) gets a zero at that time.
  bool start_times = false;
};

// Scrapes targets and appends what they say. Each target has its own place in the interval (a hash
// of its labels), so load is even. Thread-safe.
class Manager {
 public:
  // `storage`, `client` and `clock` must outlive it.
  Manager(ManagerOptions options, model::Appendable& storage, http::Client& client,
          const base::Clock& clock = base::SystemClock());
  // Stops scraping; targets get no staleness markers (a restart soon after should show no gap).
  ~Manager();

  // New configuration. Targets whose scrape settings are unchanged keep their state and schedule.
  void Apply(const std::vector<config::ScrapeConfig>& configs);
  // New targets, from discovery. Vanished ones get staleness markers.
  void Update(const discovery::TargetGroups& groups);

  std::vector<TargetStatus> active_targets() const;
  std::vector<DroppedTarget> dropped_targets() const;
  // How many were dropped, by pool; all are counted, even where not all are remembered.
  std::map<std::string, uint64_t> dropped_counts() const;
  std::vector<std::string> pools() const;
  // The settings of a pool; nullptr when there is none of this name.
  std::shared_ptr<const config::ScrapeConfig> pool_config(std::string_view job) const;
  // What the targets said of their metrics; all targets, or those whose labels satisfy the
  // matchers.
  std::vector<MetadataEntry> metadata() const;
  // Gives what any target says of each family; one of them where they differ. May be called when
  // the manager is gone.
  std::function<std::map<std::string, model::Metadata>()> family_source() const;
  ScrapeStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::scrape
