#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "promql/eval.h"

namespace slurmscope::promql {

// The groups of an aggregation, found once for the whole query.
struct Grouping {
  std::vector<uint32_t> group_of;  // by input series
  std::vector<SeriesMeta> groups;  // labels of the results, in order of first appearance
};
Grouping GroupSeries(const VectorValue& input, const AggregateExpr& expr);

// sum and avg of a vector with histograms. eval_aggregate_histogram.cc
Result<VectorValue> AggregateHistograms(Evaluator& evaluator, const AggregateExpr& expr,
                                        VectorValue input);

// sum, avg and the like of rows of floats that come in pieces: one accumulator for each group and
// step, which sees the samples in the order of the rows, so that results do not depend on threads
// and pieces.
class RowAccumulator {
 public:
  virtual ~RowAccumulator() = default;
  // The samples of steps [first, last) of the next `count` rows, of groups group_of[0], ... Pieces
  // of different steps may be added side by side.
  virtual void Add(const double* rows, const uint32_t* group_of, size_t count, size_t first,
                   size_t last) = 0;
  // Into as many rows of `out` as there are groups.
  virtual void Write(double* out) const = 0;
};
// Null for aggregations of another kind.
std::unique_ptr<RowAccumulator> NewRowAccumulator(AggregateOp op, size_t groups, size_t steps);

// Adds `count` rows, on many threads when there are many samples.
Result<void> AddRows(Evaluator& evaluator, RowAccumulator& accumulator, const double* rows,
                     const uint32_t* group_of, size_t count, size_t steps);

// The same for a whole vector of floats.
Result<VectorValue> AggregateFloats(Evaluator& evaluator, AggregateOp op, const VectorValue& input,
                                    Grouping grouping);

// The same for a selector, or a range function of one, without making all its rows and labels at
// once; nullopt where that cannot be done. aggregate_rows.cc
Result<std::optional<VectorValue>> AggregateRows(Evaluator& evaluator, const AggregateExpr& expr,
                                                 const StepGrid& grid);

// topk, bottomk, limitk, limit_ratio: choose among the input's samples. eval_choose.cc
Result<VectorValue> AggregateChoosing(Evaluator& evaluator, const AggregateExpr& expr,
                                      VectorValue input, const std::vector<double>& param);

// count_values. eval_choose.cc
Result<VectorValue> AggregateCountValues(Evaluator& evaluator, const AggregateExpr& expr,
                                         const VectorValue& input);

}  // namespace slurmscope::promql
