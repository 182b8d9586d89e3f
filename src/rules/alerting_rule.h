#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "model/querier.h"
#include "rules/rule.h"

namespace slurmscope::rules {

// One alert of a rule. Times of 0 are not set.
struct ActiveAlert {
  model::Labels labels;
  std::map<std::string, std::string> annotations;
  AlertState state = AlertState::kPending;
  double value = 0;
  int64_t active_at_ms = 0;
  int64_t fired_at_ms = 0;
  int64_t resolved_at_ms = 0;
  int64_t last_sent_ms = 0;
  int64_t keep_firing_since_ms = 0;
};

// How the state of alerts comes back after a restart.
struct RestoreOptions {
  int64_t outage_tolerance_ms = 3'600'000;
  int64_t grace_period_ms = 600'000;
};

// An alerting rule and its alerts: pending, firing, and for 15 minutes resolved. Semantics are
// those of the alert generator specification of prometheus/compliance.
class AlertingRule final : public Rule {
 public:
  // Until `restored`, no ALERTS samples are made.
  AlertingRule(const config::RuleConfig& config, std::map<std::string, std::string> labels,
               bool restored);

  // The ALERTS and ALERTS_FOR_STATE samples.
  Result<std::vector<RuleSample>> Evaluate(const RuleContext& context, int64_t ts) override;
  RuleStatus status() const override;

  // The alerts that are due to be told at `ts`; they count as told.
  std::vector<model::Alert> TakeDue(int64_t ts, int64_t resend_delay_ms, int64_t interval_ms,
                                    const std::string& external_url);

  // Sets the times from which alerts are active back to what ALERTS_FOR_STATE said before the
  // restart.
  Result<void> Restore(model::Queryable& storage, int64_t ts, const RestoreOptions& options);
  bool restored() const { return restored_; }

  // Takes over the alerts of the same rule before a reload.
  void CopyAlerts(const AlertingRule& from);

 private:
  using Alerts = std::map<model::Labels, ActiveAlert>;

  Result<Alerts> Found(const RuleContext& context, int64_t ts) const;
  ActiveAlert MakeAlert(const RuleContext& context, const promql::VectorSample& sample,
                        int64_t ts) const;
  bool Advance(ActiveAlert& alert, bool present, int64_t ts) const;
  void AppendSamples(const ActiveAlert& alert, int64_t t, std::vector<RuleSample>* samples) const;
  void RestoreAlert(ActiveAlert& alert, const model::Sample& last, int64_t ts,
                    const RestoreOptions& options) const;

  mutable std::mutex alerts_mutex_;
  Alerts alerts_;
  std::atomic<bool> restored_;
};

}  // namespace slurmscope::rules
