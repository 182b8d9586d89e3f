#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/duration_summary.h"
#include "base/thread_pool.h"
#include "model/alert.h"
#include "model/appender.h"
#include "model/querier.h"
#include "rules/alerting_rule.h"
#include "rules/rule.h"

namespace slurmscope::rules {

// Evaluations since the start, of all groups.
struct EvaluationTotals {
  base::DurationSummary rules;
  base::DurationSummary groups;
};

// What all groups share. The references must outlive the groups.
struct GroupEnvironment {
  model::Appendable& appendable;
  model::Queryable& queryable;
  // An instant query of a rule; `origin` is its group, for the query log.
  std::function<Result<promql::VectorResult>(const std::string& expr, int64_t t,
                                             const promql::QueryOrigin& origin)>
      query;
  // Takes alerts to be told.
  std::function<void(std::vector<model::Alert>)> notify = [](const auto&) {};
  const base::Clock& clock = base::SystemClock();
  std::string external_url = {};
  int64_t resend_delay_ms = 60'000;
  RestoreOptions restore = {};
  base::ThreadPool* pool = nullptr;  // for independent rules side by side; null: one by one
  EvaluationTotals totals = {};
};

// The part that a reload may change for groups that stay.
struct GroupDefaults {
  int64_t interval_ms = 60'000;
  int64_t query_offset_ms = 0;
  std::map<std::string, std::string> external_labels;
};

struct GroupStatus {
  std::string name;
  std::string file;
  int64_t interval_ms = 0;
  uint64_t limit = 0;
  double evaluation_seconds = 0;
  int64_t last_evaluation_ms = 0;  // 0: not yet
  std::vector<RuleStatus> rules;
};

struct GroupStats {
  std::string key;  // "file;name"
  uint64_t rules = 0;
  uint64_t iterations = 0;
  uint64_t iterations_missed = 0;
  uint64_t evaluations = 0;
  uint64_t failures = 0;
  uint64_t last_samples = 0;
  double interval_seconds = 0;
  double last_seconds = 0;
  double last_rule_seconds_sum = 0;
  double last_evaluation_seconds = 0;  // since the epoch
  double last_restore_seconds = 0;
};

// The rules of one group and what they wrote last. Evaluate and Restore are called by one thread at
// a time; status and stats are thread-safe.
class Group {
 public:
  // With `restore` alerts are silent in storage until Restore was called.
  Group(const config::RuleGroupConfig& config, const GroupDefaults& defaults,
        GroupEnvironment& environment, bool restore);

  const config::RuleGroupConfig& config() const { return config_; }
  std::string key() const;
  int64_t interval_ms() const { return interval_ms_; }
  // The last time at or before `now_ms` at which this group is due: the same at every start, and
  // spread over the interval by name and file, as in Prometheus.
  int64_t SlotBefore(int64_t now_ms) const;

  // Whether this group, under these defaults, is the same as before a reload.
  bool SameAs(const config::RuleGroupConfig& config, const GroupDefaults& defaults) const;

  // Runs all rules for time `ts`, writes what they say, marks series that are gone as stale, hands
  // alerts over. Returns early when `canceled` says so.
  void Evaluate(int64_t ts, const std::function<bool()>& canceled);
  // After a start, once the second evaluation is done.
  void Restore(int64_t ts);

  void CountMissed(uint64_t iterations);
  // Takes over the alerts and series of a group of the same key before a reload; series of rules
  // that are gone become stale with the next evaluation.
  void CopyState(Group& from);
  // The series that are still alive here, to be ended at `ts` when the group is gone.
  void EndSeries(int64_t ts);

  GroupStatus status() const;
  GroupStats stats() const;

 private:
  using Series = std::unordered_map<model::Labels, model::SeriesRef>;

  void EvaluateRule(size_t index, int64_t ts);
  std::string Write(const std::vector<RuleSample>& samples, size_t index, int64_t ts);
  void WriteStale(const std::vector<model::Labels>& labels, int64_t t);
  RuleContext Context() const;

  const config::RuleGroupConfig config_;
  const GroupDefaults defaults_;
  const int64_t interval_ms_;
  GroupEnvironment& environment_;
  std::vector<std::shared_ptr<Rule>> rules_;
  std::vector<std::vector<size_t>> batches_;
  std::vector<Series> series_;              // of each rule, from its last evaluation
  std::vector<model::Labels> gone_series_;  // of rules that a reload took away

  std::atomic<uint64_t> evaluations_ = 0;
  std::atomic<uint64_t> failures_ = 0;
  std::atomic<uint64_t> samples_ = 0;
  mutable std::mutex mutex_;  // for what follows
  GroupStats stats_;
  double rule_seconds_ = 0;
};

}  // namespace slurmscope::rules
