#pragma once

#include <string_view>
#include <vector>

#include "promql/ast.h"

namespace slurmscope::promql {

// One PromQL function: what the parser checks. How it computes is the engine's affair.
struct FunctionInfo {
  std::string_view name;
  std::vector<ValueType> args;
  // 0: exactly args.size() arguments. n > 0: the last n are optional. -1: the last may repeat, also
  // zero times.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;  // needs the feature promql-experimental-functions
};

// nullptr when there is no such function.
const FunctionInfo* FindFunction(std::string_view name);
const std::vector<FunctionInfo>& AllFunctions();

}  // namespace slurmscope::promql
