#include "notify/manager.h"

#include <mutex>
#include <set>

#include "base/strings.h"
#include "discovery/relabel.h"

namespace slurmscope::notify {
namespace {

using base::StrCat;
using config::AlertmanagerConfig;
using config::RelabelConfig;

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kPath = "__alerts_path__";

std::string AlertsPath(std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return StrCat(prefix.empty() || prefix.starts_with('/') ? "" : "/", prefix, "/api/v2/alerts");
}

std::string UrlOf(const model::LabelsBuilder& labels) {
  return StrCat(labels.Get(kScheme), "://", labels.Get(kAddress), labels.Get(kPath));
}

// Null when a rule drops the alert.
AlertPtr Relabeled(const AlertPtr& alert, const std::vector<RelabelConfig>& rules) {
  if (rules.empty()) return alert;
  model::LabelsBuilder labels(alert->labels);
  if (!discovery::Relabel(rules, &labels)) return nullptr;
  auto changed = std::make_shared<model::Alert>(*alert);
  changed->labels = labels.Build();
  return changed->labels.empty() ? nullptr : changed;
}

std::string JobName(size_t index) { return StrCat("config-", index); }

// Discovery knows scrape jobs; each entry of `alertmanagers` is one to it.
std::vector<config::ScrapeConfig> AsJobs(const config::AlertingConfig& config) {
  std::vector<config::ScrapeConfig> jobs;
  for (size_t i = 0; i < config.alertmanagers.size(); ++i) {
    config::ScrapeConfig& job = jobs.emplace_back();
    job.job_name = JobName(i);
    job.static_configs = config.alertmanagers[i].static_configs;
    job.file_sd_configs = config.alertmanagers[i].file_sd_configs;
    job.sd = config.alertmanagers[i].sd;
  }
  return jobs;
}

}  // namespace

struct Manager::State {
  State(ManagerOptions given, http::Client& c, const base::Clock& k)
      : options(given), client(c), clock(k) {}

  void Update(const discovery::TargetGroups& groups);
  void UpdateOne(const std::shared_ptr<const AlertmanagerConfig>& config,
                 const std::shared_ptr<edge::ClientAuth>& auth,
                 const std::vector<config::TargetGroup>& groups,
                 std::map<std::string, std::shared_ptr<Sender>>* found,
                 std::set<std::string>* refused);
  void Stop();

  const ManagerOptions options;
  http::Client& client;
  const base::Clock& clock;
  mutable std::mutex mutex;  // for all below but the discovery
  std::vector<std::shared_ptr<const AlertmanagerConfig>> configs;
  std::vector<std::shared_ptr<edge::ClientAuth>> auths;  // of the configs
  std::vector<RelabelConfig> alert_rules;
  std::map<std::string, std::string> external_labels;
  std::map<std::string, std::shared_ptr<Sender>> senders;  // by URL
  std::set<std::string> dropped;
  std::unique_ptr<discovery::Manager> discovery;  // calls Update
};

void Manager::State::UpdateOne(const std::shared_ptr<const AlertmanagerConfig>& config,
                               const std::shared_ptr<edge::ClientAuth>& auth,
                               const std::vector<config::TargetGroup>& groups,
                               std::map<std::string, std::shared_ptr<Sender>>* found,
                               std::set<std::string>* refused) {
  for (const config::TargetGroup& group : groups) {
    for (const std::string& target : group.targets) {
      model::LabelsBuilder labels;
      for (const auto& [name, value] : group.labels) labels.Set(name, value);
      labels.Set(kAddress, target);
      labels.Set(kScheme, config->scheme);
      labels.Set(kPath, AlertsPath(config->path_prefix));
      std::string before = UrlOf(labels);
      if (!discovery::Relabel(config->relabel_configs, &labels)) {
        refused->insert(before);
        continue;
      }
      std::string url = UrlOf(labels);
      auto known = senders.find(url);
      auto sender = known != senders.end() ? known->second
                                           : std::make_shared<Sender>(
                                                 url, config, auth, options.sender, client, clock);
      sender->SetConfig(config, auth);
      found->emplace(url, std::move(sender));
    }
  }
}

void Manager::State::Update(const discovery::TargetGroups& groups) {
  std::lock_guard lock(mutex);
  std::map<std::string, std::shared_ptr<Sender>> found;
  std::set<std::string> refused;
  for (size_t i = 0; i < configs.size(); ++i) {
    auto of_config = groups.find(JobName(i));
    if (of_config != groups.end())
      UpdateOne(configs[i], auths[i], of_config->second, &found, &refused);
  }
  for (const auto& [url, sender] : senders) {
    if (!found.contains(url)) sender->Stop(false);
  }
  senders = std::move(found);
  dropped = std::move(refused);
}

void Manager::State::Stop() {
  discovery.reset();
  std::lock_guard lock(mutex);
  for (const auto& [url, sender] : senders) sender->Stop(options.drain_on_stop);
  if (!options.drain_on_stop) return;
  int64_t deadline = clock.SteadyNs() + options.drain_ms * 1'000'000;
  for (const auto& [url, sender] : senders) {
    if (!sender->WaitUntilEmpty(deadline)) sender->Stop(false);
  }
}

Manager::Manager(ManagerOptions options, http::Client& client, const base::Clock& clock)
    : state_(std::make_unique<State>(options, client, clock)) {
  state_->discovery = std::make_unique<discovery::Manager>(
      [state = state_.get()](const discovery::TargetGroups& groups) { state->Update(groups); },
      discovery::DiscoveryOptions{.client = &client});
}

Manager::~Manager() { state_->Stop(); }

void Manager::Apply(const config::AlertingConfig& config,
                    const std::map<std::string, std::string>& external_labels) {
  {
    std::lock_guard lock(state_->mutex);
    state_->configs.clear();
    state_->auths.clear();
    for (const AlertmanagerConfig& each : config.alertmanagers) {
      state_->configs.push_back(std::make_shared<const AlertmanagerConfig>(each));
      state_->auths.push_back(
          std::make_shared<edge::ClientAuth>(each.http, state_->client, state_->clock));
    }
    state_->alert_rules = config.alert_relabel_configs;
    state_->external_labels = external_labels;
  }
  state_->discovery->Apply(AsJobs(config));
}

void Manager::Send(const std::vector<model::Alert>& alerts) {
  std::vector<RelabelConfig> rules;
  std::vector<std::shared_ptr<Sender>> senders;
  std::map<std::string, std::string> external;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->senders.empty()) return;
    for (const auto& [url, sender] : state_->senders) senders.push_back(sender);
    rules = state_->alert_rules;
    external = state_->external_labels;
  }
  std::vector<AlertPtr> relabeled;
  for (const model::Alert& alert : alerts) {
    model::LabelsBuilder labels(alert.labels);
    for (const auto& [name, value] : external) {
      if (labels.Get(name).empty()) labels.Set(name, value);
    }
    auto told = std::make_shared<model::Alert>(alert);
    told->labels = labels.Build();
    if (AlertPtr kept = Relabeled(told, rules)) relabeled.push_back(std::move(kept));
  }
  for (const auto& sender : senders) {
    std::vector<AlertPtr> own;
    auto config = sender->config();
    for (const AlertPtr& alert : relabeled) {
      if (AlertPtr kept = Relabeled(alert, config->alert_relabel_configs))
        own.push_back(std::move(kept));
    }
    if (!own.empty()) sender->Push(own);
  }
}

Alertmanagers Manager::alertmanagers() const {
  std::lock_guard lock(state_->mutex);
  Alertmanagers all;
  for (const auto& [url, sender] : state_->senders) all.active.push_back(url);
  all.dropped.assign(state_->dropped.begin(), state_->dropped.end());
  return all;
}

NotifyStats Manager::stats() const {
  NotifyStats stats;
  stats.discovery = state_->discovery->stats();
  stats.queue_capacity = state_->options.sender.queue_capacity;
  std::lock_guard lock(state_->mutex);
  for (const auto& [url, sender] : state_->senders) stats.senders.push_back(sender->stats());
  return stats;
}

}  // namespace slurmscope::notify
