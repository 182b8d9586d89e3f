#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/rule_files.h"
#include "model/alert.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "promql/engine.h"

namespace slurmscope::rules {

using base::Result;

enum class RuleHealth { kUnknown, kOk, kErr };
std::string_view ToString(RuleHealth health);  // "unknown", "ok", "err"

enum class AlertState { kInactive, kPending, kFiring };
std::string_view ToString(AlertState state);  // "inactive", "pending", "firing"

// What rules are evaluated with. Times are milliseconds since the epoch.
struct RuleContext {
  // An instant query; a scalar comes as a vector of one.
  std::function<Result<promql::VectorResult>(const std::string& expr, int64_t t)> query;
  std::map<std::string, std::string> external_labels;
  std::string external_url;
  int64_t query_offset_ms = 0;
  uint64_t limit = 0;
};

// A sample that a rule made.
struct RuleSample {
  model::Labels labels;
  int64_t t = 0;
  double v = 0;
  model::HistogramPtr histogram = nullptr;
};

// An alert as /api/v1/rules and /api/v1/alerts show it.
struct AlertStatus {
  model::Labels labels;
  std::map<std::string, std::string> annotations;
  AlertState state = AlertState::kInactive;
  double value = 0;
  int64_t active_at_ms = 0;
  int64_t keep_firing_since_ms = 0;  // 0: not set
};

struct RuleStatus {
  bool alerting = false;
  std::string name;
  std::string query;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  int64_t for_ms = 0;
  int64_t keep_firing_for_ms = 0;
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;
  double evaluation_seconds = 0;
  int64_t last_evaluation_ms = 0;  // 0: not yet
  AlertState state = AlertState::kInactive;
  std::vector<AlertStatus> alerts;  // pending and firing ones
};

// One rule of a group. Evaluate is called by one thread at a time; the rest is thread-safe.
class Rule {
 public:
  // `labels` are those of the rule over those of its group. The expression is known to parse.
  Rule(const config::RuleConfig& config, std::map<std::string, std::string> labels);
  virtual ~Rule() = default;

  const config::RuleConfig& config() const { return config_; }
  const std::map<std::string, std::string>& labels() const { return labels_; }
  // The expression as Prometheus prints it.
  const std::string& query() const { return query_; }

  // The samples of time `ts`; for alerts also the change of their state.
  virtual Result<std::vector<RuleSample>> Evaluate(const RuleContext& context, int64_t ts) = 0;

  void SetOutcome(RuleHealth health, std::string error);
  void SetTiming(double seconds, int64_t at_ms);
  virtual RuleStatus status() const;

 private:
  const config::RuleConfig config_;
  const std::map<std::string, std::string> labels_;
  const std::string query_;

  mutable std::mutex mutex_;
  RuleHealth health_ = RuleHealth::kUnknown;
  std::string last_error_;
  double evaluation_seconds_ = 0;
  int64_t last_evaluation_ms_ = 0;
};

class RecordingRule final : public Rule {
 public:
  using Rule::Rule;
  Result<std::vector<RuleSample>> Evaluate(const RuleContext& context, int64_t ts) override;
};

}  // namespace slurmscope::rules
