// Rules, and the Alertmanagers that hear of them.
#include <unistd.h>

#include <array>

#include "base/strings.h"
#include "server.h"

namespace slurmscope::app {
namespace {

// Where people reach the API, without a slash at the end: what alerts link to.
std::string PublicUrl(const ServeFlags& flags, bool tls, int port) {
  std::string url = flags.external_url;
  while (url.ends_with('/')) url.pop_back();
  if (!url.empty()) return url;
  std::array<char, 256> host{};
  bool known = gethostname(host.data(), host.size() - 1) == 0;
  return base::StrCat(tls ? "https://" : "http://", known ? host.data() : "localhost", ":", port,
                      flags.route_prefix);
}

}  // namespace

void Server::StartRules(const std::vector<config::RuleGroupConfig>& groups) {
  notify::ManagerOptions notify_options;
  notify_options.sender.queue_capacity = flags_.notify_queue_capacity;
  notify_options.sender.batch_size = flags_.notify_batch_size;
  notify_options.drain_on_stop = flags_.notify_drain;
  notify_ = std::make_unique<notify::Manager>(notify_options, *client_);

  rules::ManagerOptions options;
  options.external_url = PublicUrl(flags_, access_ && access_->has_tls(), api_server_->port());
  options.resend_delay_ms = flags_.rules_resend_delay_ms;
  options.restore.outage_tolerance_ms = flags_.rules_outage_tolerance_ms;
  options.restore.grace_period_ms = flags_.rules_grace_period_ms;
  options.concurrent_rules = flags_.Enabled("concurrent-rule-eval");
  options.max_concurrent_rules = flags_.rules_max_concurrent;
  options.notify = [this](const std::vector<model::Alert>& alerts) { notify_->Send(alerts); };
  rules_ = std::make_unique<rules::Manager>(options, *engine_, *queried_, *db_);
  ApplyRules(config_, groups);
}

void Server::ApplyRules(const config::PrometheusConfig& config,
                        const std::vector<config::RuleGroupConfig>& groups) {
  notify_->Apply(config.alerting, config.global.external_labels);
  rules::GroupDefaults defaults;
  defaults.interval_ms = config.global.evaluation_interval_ms;
  defaults.query_offset_ms = config.global.rule_query_offset_ms;
  defaults.external_labels = config.global.external_labels;
  rules_->Apply(groups, defaults);
}

}  // namespace slurmscope::app
