#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "promql/eval.h"

namespace slurmscope::promql {

// {label="x", ...} of the equality matchers, with 1 at the steps where `vector` has no sample:
// absent() and absent_over_time() of `expr`.
Result<Value> AbsentVector(Evaluator& evaluator, const VectorValue& vector, const Expr& expr,
                           const StepGrid& grid);

// A warning for each quantile outside [0, 1].
void WarnBadQuantiles(Annotations& notes, const std::vector<double>& quantiles, PosRange pos);

// Numbers label sets by the values of some labels, or of all but some (and never __name__): equal
// keys, equal ids, counted from 0 in the order of first appearance.
class SignatureTable {
 public:
  // With `on` only `names` count; without it all labels but `names` and __name__.
  SignatureTable(std::vector<std::string> names, bool on);

  size_t IdOf(const model::Labels& labels);
  size_t size() const { return ids_.size(); }
  // The labels that count.
  model::Labels Project(const model::Labels& labels) const;

 private:
  bool Counts(std::string_view name) const;

  std::vector<std::string> names_;  // sorted
  bool on_;
  std::string key_;
  std::unordered_map<std::string, size_t> ids_;
};

}  // namespace slurmscope::promql
