#include "promql/functions.h"

#include <algorithm>

namespace slurmscope::promql {
namespace {

constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kT = ValueType::kString;

using Signature = std::vector<ValueType>;

FunctionInfo Optional(std::string_view name, Signature args, int optional) {
  return {.name = name, .args = std::move(args), .variadic = optional};
}

FunctionInfo Repeating(std::string_view name, Signature args, bool experimental = false) {
  return {.name = name, .args = std::move(args), .variadic = -1, .experimental = experimental};
}

FunctionInfo Stable(std::string_view name, Signature args, ValueType returns = kV) {
  return {.name = name, .args = std::move(args), .returns = returns};
}

FunctionInfo Experimental(std::string_view name, Signature args, ValueType returns = kV) {
  return {.name = name, .args = std::move(args), .returns = returns, .experimental = true};
}

std::vector<FunctionInfo> StableFunctions() {
  std::vector<FunctionInfo> all;
  for (std::string_view name : {"abs",
                                "absent",
                                "acos",
                                "acosh",
                                "asin",
                                "asinh",
                                "atan",
                                "atanh",
                                "ceil",
                                "cos",
                                "cosh",
                                "deg",
                                "exp",
                                "floor",
                                "histogram_avg",
                                "histogram_count",
                                "histogram_stddev",
                                "histogram_stdvar",
                                "histogram_sum",
                                "ln",
                                "log10",
                                "log2",
                                "rad",
                                "sgn",
                                "sin",
                                "sinh",
                                "sort",
                                "sort_desc",
                                "sqrt",
                                "tan",
                                "tanh",
                                "timestamp"}) {
    all.push_back(Stable(name, {kV}));
  }
  for (std::string_view name :
       {"absent_over_time", "avg_over_time", "changes", "count_over_time", "delta", "deriv",
        "first_over_time", "idelta", "increase", "irate", "last_over_time", "max_over_time",
        "min_over_time", "present_over_time", "rate", "resets", "stddev_over_time",
        "stdvar_over_time", "sum_over_time"}) {
    all.push_back(Stable(name, {kM}));
  }
  for (std::string_view name : {"day_of_month", "day_of_week", "day_of_year", "days_in_month",
                                "hour", "minute", "month", "year"}) {
    all.push_back(Optional(name, {kV}, 1));
  }
  all.push_back(Stable("clamp", {kV, kS, kS}));
  all.push_back(Stable("clamp_max", {kV, kS}));
  all.push_back(Stable("clamp_min", {kV, kS}));
  all.push_back(Stable("histogram_fraction", {kS, kS, kV}));
  all.push_back(Stable("histogram_quantile", {kS, kV}));
  all.push_back(Repeating("label_join", {kV, kT, kT, kT}));
  all.push_back(Stable("label_replace", {kV, kT, kT, kT, kT}));
  all.push_back(Stable("pi", {}, kS));
  all.push_back(Stable("predict_linear", {kM, kS}));
  all.push_back(Stable("quantile_over_time", {kS, kM}));
  all.push_back(Optional("round", {kV, kS}, 1));
  all.push_back(Stable("scalar", {kV}, kS));
  all.push_back(Stable("time", {}, kS));
  all.push_back(Stable("vector", {kS}));
  return all;
}

void AppendExperimentalFunctions(std::vector<FunctionInfo>* all) {
  for (std::string_view name : {"mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time",
                                "ts_of_max_over_time", "ts_of_min_over_time"}) {
    all->push_back(Experimental(name, {kM}));
  }
  for (std::string_view name : {"end", "range", "start", "step"}) {
    all->push_back(Experimental(name, {}, kS));
  }
  all->push_back(Experimental("double_exponential_smoothing", {kM, kS, kS}));
  // One to ten quantiles.
  FunctionInfo quantiles = Experimental("histogram_quantiles", {kV, kT});
  quantiles.args.insert(quantiles.args.end(), 10, kS);
  quantiles.variadic = 9;
  all->push_back(std::move(quantiles));
  FunctionInfo info = Experimental("info", {kV, kV});
  info.variadic = 1;
  all->push_back(std::move(info));
  all->push_back(Experimental("max_of", {kS, kS}, kS));
  all->push_back(Experimental("min_of", {kS, kS}, kS));
  all->push_back(Repeating("sort_by_label", {kV, kT}, true));
  all->push_back(Repeating("sort_by_label_desc", {kV, kT}, true));
  all->push_back(Experimental("start_timestamp", {kV}));
}

std::vector<FunctionInfo> SortedFunctions() {
  std::vector<FunctionInfo> all = StableFunctions();
  AppendExperimentalFunctions(&all);
  std::sort(all.begin(), all.end(),
            [](const FunctionInfo& a, const FunctionInfo& b) { return a.name < b.name; });
  return all;
}

}  // namespace

const std::vector<FunctionInfo>& AllFunctions() {
  static const std::vector<FunctionInfo> functions = SortedFunctions();
  return functions;
}

const FunctionInfo* FindFunction(std::string_view name) {
  const std::vector<FunctionInfo>& all = AllFunctions();
  auto it = std::lower_bound(
      all.begin(), all.end(), name,
      [](const FunctionInfo& function, std::string_view wanted) { return function.name < wanted; });
  return it != all.end() && it->name == name ? &*it : nullptr;
}

ValueType Call::type() const { return function->returns; }

}  // namespace slurmscope::promql
