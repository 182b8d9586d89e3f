#include "scrape/manager.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "scrape/pool.h"
#include "scrape/scraper.h"

namespace slurmscope::scrape {

struct Manager::State {
  State(ManagerOptions options, model::Appendable& storage, http::Client& client,
        const base::Clock& clock)
      : scraper(std::move(options), storage, client, clock) {}

  void SyncPool(const config::ScrapeConfig& config) {
    auto known = groups.find(config.job_name);
    static const std::vector<config::TargetGroup> none;
    auto [pool, made] = pools.try_emplace(config.job_name, scraper);
    pools_made += made ? 1 : 0;
    pool->second.Sync(config, known == groups.end() ? none : known->second);
  }

  template <typename Visit>
  void ForEachTarget(const Visit& visit) const {
    for (const auto& [job, pool] : pools) {
      for (const auto& [hash, target] : pool.targets()) visit(*target);
    }
  }

  mutable std::mutex mutex;  // for all but the scraper
  std::map<std::string, config::ScrapeConfig, std::less<>> configs;
  discovery::TargetGroups groups;
  uint64_t exceeded_target_limit_before = 0;  // of pools that are gone
  uint64_t pools_made = 0;
  Scraper scraper;
  std::map<std::string, Pool> pools;
};

Manager::Manager(ManagerOptions options, model::Appendable& storage, http::Client& client,
                 const base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), storage, client, clock)) {}

Manager::~Manager() = default;

void Manager::Apply(const std::vector<config::ScrapeConfig>& configs) {
  std::lock_guard lock(state_->mutex);
  state_->configs.clear();
  for (const config::ScrapeConfig& config : configs) state_->configs[config.job_name] = config;
  for (auto it = state_->pools.begin(); it != state_->pools.end();) {
    if (state_->configs.contains(it->first)) {
      ++it;
      continue;
    }
    it->second.RetireAll();
    state_->exceeded_target_limit_before += it->second.exceeded_target_limit();
    it = state_->pools.erase(it);
  }
  for (const auto& [job, config] : state_->configs) state_->SyncPool(config);
  state_->scraper.failure_logs().Reopen();
}

void Manager::Update(const discovery::TargetGroups& groups) {
  std::lock_guard lock(state_->mutex);
  state_->groups = groups;
  for (const auto& [job, config] : state_->configs) state_->SyncPool(config);
}

std::vector<TargetStatus> Manager::active_targets() const {
  std::lock_guard lock(state_->mutex);
  std::vector<TargetStatus> all;
  state_->ForEachTarget([&](const ScrapeTarget& target) { all.push_back(target.status()); });
  std::sort(all.begin(), all.end(), [](const TargetStatus& a, const TargetStatus& b) {
    int order = a.scrape_pool.compare(b.scrape_pool);
    return order != 0 ? order < 0 : a.labels < b.labels;
  });
  return all;
}

std::vector<DroppedTarget> Manager::dropped_targets() const {
  std::lock_guard lock(state_->mutex);
  std::vector<DroppedTarget> all;
  for (const auto& [job, pool] : state_->pools) {
    all.insert(all.end(), pool.dropped().begin(), pool.dropped().end());
  }
  return all;
}

std::map<std::string, uint64_t> Manager::dropped_counts() const {
  std::lock_guard lock(state_->mutex);
  std::map<std::string, uint64_t> counts;
  for (const auto& [job, pool] : state_->pools) counts[job] = pool.dropped_count();
  return counts;
}

std::shared_ptr<const config::ScrapeConfig> Manager::pool_config(std::string_view job) const {
  std::lock_guard lock(state_->mutex);
  auto found = state_->configs.find(job);
  if (found == state_->configs.end()) return nullptr;
  return std::make_shared<const config::ScrapeConfig>(found->second);
}

std::vector<std::string> Manager::pools() const {
  std::lock_guard lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [job, pool] : state_->pools) names.push_back(job);
  return names;
}

std::vector<MetadataEntry> Manager::metadata() const {
  std::lock_guard lock(state_->mutex);
  std::vector<MetadataEntry> all;
  state_->ForEachTarget([&](const ScrapeTarget& target) {
    model::Labels labels = target.labels();
    for (const auto& family : target.metadata().families())
      all.push_back({family->name, family->metadata, labels});
  });
  return all;
}

const std::vector<double>& ScrapeRanks() {
  static const std::vector<double> ranks = {0.01, 0.05, 0.5, 0.9, 0.99};
  return ranks;
}

std::function<std::map<std::string, model::Metadata>()> Manager::family_source() const {
  return [pool = state_->scraper.shared_families()] {
    std::map<std::string, model::Metadata> families;
    for (const auto& family : pool->All()) families.emplace(family->name, family->metadata);
    return families;
  };
}

ScrapeStats Manager::stats() const {
  std::lock_guard lock(state_->mutex);
  const ScrapeCounters& counters = state_->scraper.counters();
  ScrapeStats stats;
  stats.pools = state_->pools.size();
  stats.scrapes = counters.scrapes;
  stats.scrapes_failed = counters.scrapes_failed;
  stats.scrapes_skipped = state_->scraper.skipped();
  stats.samples_appended = counters.samples_appended;
  stats.out_of_order = counters.out_of_order;
  stats.duplicate_timestamp = counters.duplicate_timestamp;
  stats.out_of_bounds = counters.out_of_bounds;
  stats.exemplar_out_of_order = counters.exemplar_out_of_order;
  stats.exceeded_sample_limit = counters.exceeded_sample_limit;
  stats.exceeded_body_size_limit = counters.exceeded_body_size_limit;
  stats.exceeded_label_limits = counters.exceeded_label_limits;
  stats.exceeded_bucket_limit = counters.exceeded_bucket_limit;
  stats.exceeded_target_limit = state_->exceeded_target_limit_before;
  stats.pools_made = state_->pools_made;
  const int64_t now = state_->scraper.clock().SteadyNs();
  stats.intervals = state_->scraper.times().Read(ScrapeRanks(), now);
  for (const auto& [job, pool] : state_->pools) {
    PoolStats& of_job = stats.by_job.emplace_back();
    of_job.job = job;
    of_job.targets = pool.targets().size();
    of_job.target_limit = pool.target_limit();
    of_job.reloads = pool.reloads();
    of_job.sync_failed = pool.sync_failed();
    of_job.sync_lengths = pool.sync_times().Read(ScrapeRanks(), now);
    for (const auto& [hash, target] : pool.targets()) {
      stats.cache_entries += target->cache_entries();
      of_job.metadata_entries += target->metadata().size();
      of_job.metadata_bytes += target->metadata().bytes();
    }
    stats.targets += of_job.targets;
    stats.metadata_entries += of_job.metadata_entries;
    stats.exceeded_target_limit += pool.exceeded_target_limit();
  }
  return stats;
}

}  // namespace slurmscope::scrape
