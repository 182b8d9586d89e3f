#pragma once

#include <string_view>

#include "promql/eval.h"

namespace slurmscope::promql {

// Computes one function for all steps.
using CallHandler = Result<Value> (*)(Evaluator& evaluator, const Call& call, const StepGrid& grid);

struct CallEntry {
  std::string_view name;
  CallHandler handler;
};

// nullptr when the engine does not have the function.
CallHandler FindCallHandler(std::string_view name);

// The handlers of each file.
CallHandler FindRangeCall(std::string_view name);      // range_functions.cc
CallHandler FindInstantCall(std::string_view name);    // instant_functions.cc
CallHandler FindTimeCall(std::string_view name);       // time_functions.cc
CallHandler FindHistogramCall(std::string_view name);  // histogram_functions.cc
CallHandler FindLabelCall(std::string_view name);      // label_functions.cc

}  // namespace slurmscope::promql
