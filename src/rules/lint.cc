#include "rules/lint.h"

#include <algorithm>

#include "base/strings.h"

namespace slurmscope::rules {

std::string DuplicateRules(const std::vector<config::RuleGroupConfig>& groups) {
  using Key = std::pair<std::string, std::map<std::string, std::string>>;
  std::vector<Key> rules;
  for (const config::RuleGroupConfig& group : groups) {
    for (const config::RuleConfig& rule : group.rules) rules.emplace_back(rule.name(), rule.labels);
  }
  std::sort(rules.begin(), rules.end());
  std::string list;
  size_t count = 0;
  for (size_t i = 1; i < rules.size(); ++i) {
    if (rules[i] != rules[i - 1]) continue;
    ++count;
    base::StrAppend(list, "Metric: ", rules[i].first, "\nLabel(s):\n");
    for (const auto& [name, value] : rules[i].second)
      base::StrAppend(list, "\t", name, ": ", value, "\n");
  }
  if (count == 0) return {};
  return base::StrCat(count, " duplicate rule(s) found.\n", list,
                      "Might cause inconsistency while recording expressions");
}

}  // namespace slurmscope::rules
