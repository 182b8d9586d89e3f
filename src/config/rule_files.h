#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::config {

using base::Result;

// One rule: recording when `record` is set, alerting when `alert` is.
struct RuleConfig {
  std::string record;
  std::string alert;
  std::string expr;
  int64_t for_ms = 0;
  int64_t keep_firing_for_ms = 0;
  std::map<std::string, std::string> labels;  // its own, without those of the group
  std::map<std::string, std::string> annotations;

  bool alerting() const { return !alert.empty(); }
  const std::string& name() const { return alerting() ? alert : record; }
  bool operator==(const RuleConfig&) const = default;
};

struct RuleGroupConfig {
  std::string name;
  std::string file;
  int64_t interval_ms = 0;                 // 0: global.evaluation_interval
  std::optional<int64_t> query_offset_ms;  // not given: global.rule_query_offset
  uint64_t limit = 0;                      // of series or alerts a rule may make; 0: none
  std::map<std::string, std::string> labels;
  std::vector<RuleConfig> rules;
  bool operator==(const RuleGroupConfig&) const = default;
};

// What is beyond this room: each gives the reason why a text is wrong, or nothing.
struct RuleChecks {
  using Reason = std::optional<std::string>;
  std::function<Reason(std::string_view expr)> expression;
  std::function<Reason(std::string_view alert, std::string_view text)> alert_template;
};

// A rule file as Prometheus 3.14 takes it. All problems are reported at once, one a line, in the
// order of the file: `rules.yml:7:11: group "g", rule 2, "HighLoad": could not parse expression:
// ...`. Unknown and duplicate keys are errors.
Result<std::vector<RuleGroupConfig>> ParseRuleFile(std::string_view text, const std::string& path,
                                                   const RuleChecks& checks);
// The same from a file of at most 16 MiB.
Result<std::vector<RuleGroupConfig>> LoadRuleFile(const std::string& path,
                                                  const RuleChecks& checks);

}  // namespace slurmscope::config
