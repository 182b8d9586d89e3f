#pragma once

#include <string>
#include <vector>

#include "config/rule_files.h"

namespace slurmscope::rules {

// What promtool's lint "duplicate-rules" says of the rules of a file: rules of the same name and
// labels, of which only one can win. Empty when there are none.
std::string DuplicateRules(const std::vector<config::RuleGroupConfig>& groups);

}  // namespace slurmscope::rules
