#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "config/rule_files.h"
#include "model/alert.h"
#include "model/appender.h"
#include "model/querier.h"
#include "promql/engine.h"
#include "rules/group.h"

namespace slurmscope::rules {

struct ManagerOptions {
  std::string external_url;
  int64_t resend_delay_ms = 60'000;
  RestoreOptions restore;
  // Independent rules of a group side by side, so many at most [concurrent-rule-eval].
  bool concurrent_rules = false;
  int max_concurrent_rules = 4;
  size_t threads = 8;  // groups evaluated at once
  // Takes the alerts that are due; called by many threads.
  std::function<void(std::vector<model::Alert>)> notify = [](const auto&) {};
};

struct EvaluationTimes {
  base::DurationSummary::Values rules;
  base::DurationSummary::Values groups;
};

// Evaluates rule groups, each in its interval, on threads of its own. Thread-safe.
class Manager {
 public:
  // The references must outlive the manager.
  Manager(ManagerOptions options, promql::Engine& engine, model::Queryable& queryable,
          model::Appendable& appendable, const base::Clock& clock = base::SystemClock());
  // Cancels what runs and waits for it; writes nothing more.
  ~Manager();

  // Takes the groups in place of those before. A group that is the same goes on untouched; one of
  // the same file and name hands its alerts and series over; the series of others end two intervals
  // later. Waits for running evaluations of groups that change. At the first call alerts come back
  // from ALERTS_FOR_STATE.
  void Apply(const std::vector<config::RuleGroupConfig>& groups, const GroupDefaults& defaults);

  // Sorted by file, then name.
  std::vector<GroupStatus> groups() const;
  std::vector<GroupStats> stats() const;
  // With quantiles of these ranks.
  EvaluationTimes evaluation_times(const std::vector<double>& rule_ranks,
                                   const std::vector<double>& group_ranks) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// An instant query as rules want it: a scalar becomes a vector of one, other types are errors.
Result<promql::VectorResult> RuleQuery(promql::Engine& engine, model::Queryable& queryable,
                                       const std::string& expr, int64_t t,
                                       const promql::QueryOptions& options = {});

}  // namespace slurmscope::rules
