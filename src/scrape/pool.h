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
  static constexpr size_t kMaxDroppedTargets = 1000;

  explicit Pool(Scraper& scraper) : scraper_(scraper) {}

  // Takes new settings and groups: starts new targets, changes known ones in place, retires the
  // others.
  void Sync(const config::ScrapeConfig& config, const std::vector<config::TargetGroup>& groups);
  void RetireAll();

  const std::map<uint64_t, std::shared_ptr<ScrapeTarget>>& targets() const { return targets_; }
  const std::vector<DroppedTarget>& dropped() const { return dropped_; }
  uint64_t exceeded_target_limit() const { return exceeded_target_limit_; }

 private:
  std::map<uint64_t, TargetSpec> MakeSpecs(const std::vector<config::TargetGroup>& groups);
  void AddSpec(const std::string& address, const LabelMap& group_labels,
               std::map<uint64_t, TargetSpec>& specs);
  void Place(uint64_t hash, TargetSpec spec);
  void CheckTargetLimit();

  Scraper& scraper_;
  std::shared_ptr<const config::ScrapeConfig> config_;
  std::shared_ptr<edge::ClientAuth> auth_;
  std::string identity_;
  std::map<uint64_t, std::shared_ptr<ScrapeTarget>> targets_;
  std::vector<DroppedTarget> dropped_;
  uint64_t exceeded_target_limit_ = 0;
};

}  // namespace slurmscope::scrape
