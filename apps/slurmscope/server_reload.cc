// The configuration of a server that runs.
#include "base/clock.h"
#include "base/log.h"
#include "rules/load.h"
#include "server.h"

namespace slurmscope::app {

using base::Fail;

namespace {

// As Prometheus: of the formats it is the one that says most surely when a counter began.
void PreferProtobuf(config::NegotiationConfig* negotiation) {
  constexpr auto kProto = config::ScrapeProtocol::kPrometheusProto;
  auto& protocols = negotiation->protocols;
  if (negotiation->protocols_given || protocols.front() == kProto) return;
  protocols.insert(protocols.begin(), kProto);
}

}  // namespace

Result<config::PrometheusConfig> Server::LoadConfig(const ServeFlags& flags) {
  auto config = TRY(config::LoadPrometheusConfig(flags.config_file));
  if (flags.Enabled("extra-scrape-metrics")) {
    for (config::ScrapeConfig& job : config.scrape_configs) job.negotiation.extra_metrics = true;
  }
  if (flags.Enabled(kStartTimes)) {
    for (config::ScrapeConfig& job : config.scrape_configs) PreferProtobuf(&job.negotiation);
  }
  return config;
}

Result<void> Server::Reload() {
  std::lock_guard one_at_a_time(reload_mutex_);
  auto refuse = [this](const base::Error& error) {
    {
      std::lock_guard lock(config_mutex_);
      reload_ok_ = false;
    }
    notifications_.Add(api::kReloadFailed);
    base::LogError("configuration not taken, the running one stays", {{"error", error}});
    return Fail(error);
  };
  auto config = LoadConfig(flags_);
  if (!config) return refuse(config.error());
  auto groups = rules::LoadRules(config->rule_files, engine_->options().parser);
  if (!groups) return refuse(groups.error());
  // Opened anew in any case, so that it can be rotated.
  auto log = engine_->log().Open(config->global.query_log_file);
  if (!log) return refuse(log.error());
  for (const std::string& warning : config->warnings) base::LogWarn(warning);
  engine_->SetDefaultSubqueryStep(config->global.evaluation_interval_ms);
  db_->SetOooWindow(config->storage.out_of_order_window_ms);
  scrape_->Apply(config->scrape_configs);
  discovery_->Apply(config->scrape_configs);
  ApplyRules(*config, *groups);
  if (otlp_receiver_) otlp_receiver_->Apply(config->otlp);
  queried_->Apply(config->remote_read, config->global.external_labels);
  remote_write_->Apply(config->remote_write, config->global.external_labels);
  {
    std::lock_guard lock(config_mutex_);  // not while the rest is applied: /metrics needs it
    reload_ok_ = true;
    config_ = *std::move(config);
    last_reload_ms_ = base::SystemClock().NowMs();
  }
  notifications_.Remove(api::kReloadFailed);
  ProvisionDashboards();
  base::LogInfo("configuration loaded", {{"file", flags_.config_file}});
  return {};
}

api::RuntimeState Server::Runtime() const {
  std::lock_guard lock(config_mutex_);
  return {config_.text, reload_ok_, last_reload_ms_, config_.global.external_labels};
}

void Server::WatchConfig() {
  if (!flags_.auto_reload && !flags_.Enabled("auto-reload-config")) return;
  auto files = [this] {
    std::lock_guard lock(config_mutex_);
    std::vector<std::string> globs = {flags_.config_file};
    for (const auto* more : {&config_.rule_files, &config_.scrape_config_files})
      globs.insert(globs.end(), more->begin(), more->end());
    return globs;
  };
  config_watch_ = std::make_unique<ConfigWatch>(flags_.auto_reload_interval_ms, std::move(files),
                                                [this] { (void)Reload(); });
}

}  // namespace slurmscope::app
