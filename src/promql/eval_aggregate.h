#pragma once

#include <vector>

#include "promql/eval.h"

namespace slurmscope::promql {

// The groups of an aggregation, found once for the whole query.
struct Grouping {
  std::vector<size_t> group_of;    // by input series
  std::vector<SeriesMeta> groups;  // labels of the results, in order of first appearance
};
Grouping GroupSeries(const VectorValue& input, const AggregateExpr& expr);

// topk, bottomk, limitk, limit_ratio: choose among the input's samples. eval_choose.cc
Result<VectorValue> AggregateChoosing(Evaluator& evaluator, const AggregateExpr& expr,
                                      VectorValue input, const std::vector<double>& param);

// count_values. eval_choose.cc
Result<VectorValue> AggregateCountValues(Evaluator& evaluator, const AggregateExpr& expr,
                                         const VectorValue& input);

}  // namespace slurmscope::promql
