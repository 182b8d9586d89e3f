#pragma once

#include <cstdint>
#include <vector>

#include "promql/eval.h"

namespace slurmscope::promql {

// How many samples Prometheus says that an expression holds at each step of the grid: one for each
// series of a selector, those in the window of a range, and those that a subquery gives to its
// window, each where and as often as they are used. A histogram counts by its size, in samples.
// Reads everything once more, so it is only for who asks.
Result<std::vector<int64_t>> CountSamples(Evaluator& evaluator, const Expr& expr,
                                          const StepGrid& grid);

}  // namespace slurmscope::promql
