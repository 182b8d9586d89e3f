#include "scrape/pool.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "scrape/config_identity.h"
#include "scrape/target_spec.h"

namespace slurmscope::scrape {

void Pool::TakeConfig(const config::ScrapeConfig& config) {
  std::string identity = ConfigIdentity(config);
  if (config_ && identity == identity_) return;
  if (config_) ++reloads_;
  auto copy = std::make_shared<config::ScrapeConfig>(config);
  copy->static_configs.clear();
  config_ = std::move(copy);
  auth_ = scraper_.MakeAuth(config_->http);
  failures_ = scraper_.failure_logs().Get(config_->scrape_failure_log_file);
  identity_ = std::move(identity);
}

void Pool::Sync(const config::ScrapeConfig& config,
                const std::vector<config::TargetGroup>& groups) {
  const int64_t begin = scraper_.clock().SteadyNs();
  TakeConfig(config);
  std::map<uint64_t, TargetSpec> specs = MakeSpecs(groups);
  std::erase_if(targets_, [&](const auto& pair) {
    if (specs.contains(pair.first)) return false;
    scraper_.Retire(pair.second);
    return true;
  });
  for (auto& [hash, spec] : specs) Place(hash, std::move(spec));
  CheckTargetLimit();
  const int64_t end = scraper_.clock().SteadyNs();
  sync_times_.Observe(static_cast<double>(end - begin) * 1e-9, end);
}

void Pool::RetireAll() {
  for (const auto& [hash, target] : targets_) scraper_.Retire(target);
  targets_.clear();
}

std::map<uint64_t, TargetSpec> Pool::MakeSpecs(const std::vector<config::TargetGroup>& groups) {
  std::map<uint64_t, TargetSpec> specs;
  dropped_.clear();
  dropped_count_ = 0;
  for (const config::TargetGroup& group : groups) {
    for (const std::string& address : group.targets) AddSpec(address, group.labels, specs);
  }
  return specs;
}

void Pool::AddSpec(const std::string& address, const LabelMap& group_labels,
                   std::map<uint64_t, TargetSpec>& specs) {
  LabelMap discovered = DiscoveredLabels(*config_, address, group_labels);
  Result<std::optional<TargetSpec>> spec = MakeTarget(*config_, discovered);
  if (!spec) {
    ++sync_failed_;
    base::LogWarn(
        "Creating target failed",
        {{"scrape_pool", config_->job_name}, {"address", address}, {"err", spec.error()}});
  } else if (*spec) {
    uint64_t hash = (*spec)->Hash();
    specs.emplace(hash, **std::move(spec));
  } else {
    uint64_t keep = config_->keep_dropped_targets;
    if (dropped_.size() < (keep > 0 ? keep : kMaxDroppedTargets))
      dropped_.push_back({std::move(discovered), config_->job_name});
    ++dropped_count_;
  }
}

void Pool::Place(uint64_t hash, TargetSpec spec) {
  std::shared_ptr<ScrapeTarget>& target = targets_[hash];
  if (!target) {
    target = std::make_shared<ScrapeTarget>(std::move(spec), config_, auth_, scraper_.families());
    scraper_.Schedule(target);
    return;
  }
  uint64_t generation = target->schedule_generation();
  target->Configure(std::move(spec), config_, auth_);
  if (target->schedule_generation() != generation) scraper_.Schedule(target);
}

void Pool::CheckTargetLimit() {
  std::string error;
  if (config_->target_limit > 0 && targets_.size() > config_->target_limit) {
    error = base::StrCat("target_limit exceeded (number of targets: ", targets_.size(),
                         ", limit: ", config_->target_limit, ")");
    ++exceeded_target_limit_;
  }
  for (const auto& [hash, target] : targets_) {
    target->SetForcedError(error);
    target->SetFailureLog(failures_);
  }
}

}  // namespace slurmscope::scrape
