#pragma once

#include <string_view>
#include <vector>

#include "model/sample.h"
#include "promql/range_source.h"
#include "promql/value.h"

namespace slurmscope::promql {

// One series and what a range function needs besides.
struct RangeInput {
  const model::Columns& samples;  // without stale markers
  const WindowPlan& plan;
  const std::vector<std::vector<double>>& args;  // scalar arguments, a value for each step
};

// Computes a range function over one series for all steps. `out` has plan.grid.count values, absent
// at first, and stays absent where the function has no result.
using RangeKernel = void (*)(const RangeInput& input, double* out);

// How a range function is called.
struct RangeFunction {
  std::string_view name;
  RangeKernel kernel;
  int range_arg = 0;  // which argument is the range vector
  bool keeps_name = false;
  bool newest_only = false;  // looks at the newest sample of a window and at no other
};

// nullptr when there is no such function. absent_over_time is not among them.
const RangeFunction* FindRangeFunction(std::string_view name);

// The same for anchored and smoothed range vectors; nullptr for functions that cannot take them.
RangeKernel FindExtendedKernel(std::string_view name, RangeMode mode);

// The q-quantile with linear interpolation; sorts `values`. NaN counts as smaller than any number.
double Quantile(double q, std::vector<double>& values);

}  // namespace slurmscope::promql
