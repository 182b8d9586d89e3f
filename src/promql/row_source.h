#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "promql/eval.h"

namespace slurmscope::promql {

// A vector of floats whose rows are made one by one, for those who need no labels of single series:
// a selector, or a range function of one.
struct RowSource {
  size_t size = 0;
  size_t steps = 0;
  size_t work = 0;  // what a row costs, in samples

  // Fills row `i`, absent before, with the help of `samples`. False when the series has histograms
  // or start times, so that another way has to be taken. May be called from many threads.
  std::function<Result<bool>(size_t i, model::Columns* samples, double* row)> fill;
  // The groups of an aggregation `by` or `without` labels.
  std::function<model::LabelGroups(const std::vector<std::string>& names, bool without)> groups;
  // To be called when at least one row has a sample: makes the notes.
  std::function<void()> note = [] {};
};

// nullopt for expressions of another kind, and where leaving out __name__ could make series equal.
// The rows come in the order of the labels if asked for.
Result<std::optional<RowSource>> OpenRows(Evaluator& evaluator, const Expr& expr,
                                          const StepGrid& grid, bool sorted);
// For a call of a range function. range_functions.cc
Result<std::optional<RowSource>> OpenCallRows(Evaluator& evaluator, const Call& call,
                                              const StepGrid& grid, bool sorted);

}  // namespace slurmscope::promql
