#pragma once

#include <memory>
#include <vector>

#include "rules/rule.h"

namespace slurmscope::rules {

// In what order the rules of a group may run: one batch after the other, the rules of a batch (by
// index) side by side. Without `concurrent` each rule is a batch of its own; with it, rules that
// read nothing of the group go first, those that nothing of the group reads last, the others one by
// one in between. A rule that selects without a metric name may read anything: then all is
// sequential.
std::vector<std::vector<size_t>> PlanBatches(const std::vector<std::shared_ptr<Rule>>& rules,
                                             bool concurrent);

}  // namespace slurmscope::rules
