#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/prometheus.h"
#include "scrape/manager.h"
#include "scrape/scraper.h"

namespace slurmscope::scrape {

// The targets of one job. Not thread-safe.
class Pool {
 public:
  // Remembered where keep_dropped_targets does not say how many.
  static constexpr size_t kMaxDroppedTargets = 10'000;

  explicit Pool(Scraper& scraper) : scraper_(scraper) {}

  // Takes new settings and groups: starts new targets, changes known ones in place, retires the
  // others.
  void Sync(const config::ScrapeConfig& config, const std::vector<config::TargetGroup>& groups);
  void RetireAll();

  const std::map<uint64_t, std::shared_ptr<ScrapeTarget>>& targets() const { return targets_; }
  const std::vector<DroppedTarget>& dropped() const { return dropped_; }
  // How long the syncs took, and targets that could not be made of what was found in them.
  const base::DurationSummary& sync_times() const { return sync_times_; }
  uint64_t sync_failed() const { return sync_failed_; }
  uint64_t reloads() const { return reloads_; }  // with other settings than before
  uint64_t target_limit() const { return config_ ? config_->target_limit : 0; }
  uint64_t dropped_count() const { return dropped_count_; }
  uint64_t exceeded_target_limit() const { return exceeded_target_limit_; }

 private:
  std::map<uint64_t, TargetSpec> MakeSpecs(const std::vector<config::TargetGroup>& groups);
  void AddSpec(const std::string& address, const LabelMap& group_labels,
               std::map<uint64_t, TargetSpec>& specs);
  void Place(uint64_t hash, TargetSpec spec);
  void CheckTargetLimit();
  void TakeConfig(const config::ScrapeConfig& config);

  Scraper& scraper_;
  std::shared_ptr<const config::ScrapeConfig> config_;
  std::shared_ptr<edge::ClientAuth> auth_;
  std::shared_ptr<FailureLog> failures_;
  std::string identity_;
  std::map<uint64_t, std::shared_ptr<ScrapeTarget>> targets_;
  std::vector<DroppedTarget> dropped_;
  uint64_t dropped_count_ = 0;
  base::DurationSummary sync_times_;
  uint64_t sync_failed_ = 0;
  uint64_t reloads_ = 0;
  uint64_t exceeded_target_limit_ = 0;
};

}  // namespace slurmscope::scrape
