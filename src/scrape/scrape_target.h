#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "config/prometheus.h"
#include "edge/client_auth.h"
#include "http/client.h"
#include "model/appender.h"
#include "scrape/failure_log.h"
#include "scrape/manager.h"
#include "scrape/target_cache.h"
#include "scrape/target_spec.h"

namespace slurmscope::scrape {

// Sums over all targets; see ScrapeStats.
struct ScrapeCounters {
  std::atomic<uint64_t> scrapes{0};
  std::atomic<uint64_t> scrapes_failed{0};
  std::atomic<uint64_t> samples_appended{0};
  std::atomic<uint64_t> out_of_order{0};
  std::atomic<uint64_t> duplicate_timestamp{0};
  std::atomic<uint64_t> out_of_bounds{0};
  std::atomic<uint64_t> exemplar_out_of_order{0};
  std::atomic<uint64_t> exceeded_sample_limit{0};
  std::atomic<uint64_t> exceeded_body_size_limit{0};
  std::atomic<uint64_t> exceeded_label_limits{0};
  std::atomic<uint64_t> exceeded_bucket_limit{0};
};

// up and what else a scrape says of itself.
inline constexpr size_t kReports = 8;

// One scrape, from its start to its end.
struct ScrapeStart {
  int64_t time_ms = 0;  // of the samples
  int64_t steady_ns = 0;
  std::string forced_error;  // nothing is fetched, the scrape fails with it
  std::shared_ptr<edge::ClientAuth> auth;
  uint64_t body_limit = 0;
  bool start_times = false;  // see ManagerOptions
  int64_t interval_ms = 0;
  int64_t since_last_ns = 0;  // the start of the scrape before; 0: there was none
};

// A target with all that is remembered of it between scrapes. Begin, Finish and EndScrape follow
// each other, on whatever threads; the rest may be called at any time.
class ScrapeTarget {
 public:
  using Config = std::shared_ptr<const config::ScrapeConfig>;

  using Auth = std::shared_ptr<edge::ClientAuth>;

  ScrapeTarget(TargetSpec spec, Config config, Auth auth, FamilyPool& families);

  // Changes what the target is scraped with; series and state stay. `forced_error` makes each
  // scrape fail ("" not).
  void Configure(TargetSpec spec, Config config, Auth auth);
  void SetForcedError(std::string error);
  // Where failed scrapes are noted; null: nowhere.
  void SetFailureLog(std::shared_ptr<FailureLog> log);

  // Starts the scrape due at `due_ms`; nullopt when one is still running or the target is retired.
  std::optional<ScrapeStart> Begin(int64_t due_ms, const base::Clock& clock,
                                   const ManagerOptions& options);
  // What to ask for, with the settings of the scrape's `auth`; the same object as long as neither
  // they nor the target change.
  std::shared_ptr<const http::ClientRequest> RequestWith(const edge::ClientAuth::Settings& settings,
                                                         const ManagerOptions& options);
  // Appends samples or stale markers, and the report series.
  void Finish(const ScrapeStart& start, const Result<http::ClientResponse>& response,
              model::Appendable& storage, const base::Clock& clock, ScrapeCounters& counters);
  // Ends it. True when the target was retired meanwhile: the caller is to call WriteEnd.
  bool EndScrape();

  // No further scrapes. True when the caller is to call WriteEnd now; otherwise EndScrape will say
  // so.
  bool Retire();
  // Stale markers for all series of the target, at the current time.
  void WriteEnd(model::Appendable& storage, const base::Clock& clock);

  TargetStatus status() const;
  model::Labels labels() const;
  bool retired() const;
  int64_t interval_ms() const;
  // Changes with the interval: a schedule made before is void.
  uint64_t schedule_generation() const;
  // The place in the interval comes from the labels, so that it survives reloads and restarts.
  int64_t OffsetMs(int64_t seed) const;
  uint64_t hash() const { return hash_; }
  const MetadataTable& metadata() const { return metadata_; }
  size_t cache_entries() const { return cache_entries_; }

 private:
  // The settings of the running scrape.
  struct Settings {
    Config config;
    model::Labels labels;
    std::string url;
    int64_t timeout_ms = 0;
  };

  Settings TakeSettings();
  Result<void> Append(const http::ClientResponse& response, const ScrapeStart& start,
                      const Settings& settings, model::Appender& appender, IngestCounts* counts);
  void Report(const Settings& settings, int64_t time_ms, const std::array<double, kReports>& values,
              model::Appender& appender);
  void LogRejected(const Settings& settings, const IngestCounts& counts) const;
  void WriteStatus(const ScrapeStart& start, const std::string& error, double seconds);

  const uint64_t hash_;
  MetadataTable metadata_;
  TargetCache cache_;                                 // of the running scrape
  std::array<model::SeriesRef, kReports> reports_{};  // likewise
  std::atomic<size_t> cache_entries_{0};

  mutable std::mutex mutex_;  // for all below
  TargetSpec spec_;
  Config config_;
  Auth auth_;
  std::string forced_error_;
  std::shared_ptr<FailureLog> failures_;
  TargetStatus status_;
  uint64_t generation_ = 1;
  int64_t last_start_ns_ = 0;
  std::shared_ptr<const http::ClientRequest> request_;  // made when first needed
  bool running_ = false;
  bool retired_ = false;
  bool reconfigured_ = false;
};

}  // namespace slurmscope::scrape
