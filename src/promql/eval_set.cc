#include <algorithm>
#include <iterator>

#include "promql/eval_binary.h"
#include "promql/label_ops.h"

namespace slurmscope::promql {

namespace {

std::vector<size_t> Signatures(SignatureTable& table, const VectorValue& vector) {
  std::vector<size_t> ids;
  ids.reserve(vector.size());
  for (const SeriesMeta& meta : vector.series) ids.push_back(table.IdOf(meta.labels));
  return ids;
}

// Which signatures have a sample at which step.
class PresenceTable {
 public:
  PresenceTable(size_t signatures, size_t steps) : steps_(steps), present_(signatures * steps) {}

  void Mark(const VectorValue& vector, const std::vector<size_t>& ids) {
    for (size_t i = 0; i < vector.size(); ++i) {
      for (size_t s = 0; s < steps_; ++s) {
        if (!IsAbsent(vector.Row(i)[s])) present_[ids[i] * steps_ + s] = true;
      }
    }
  }
  void Keep(VectorValue& vector, const std::vector<size_t>& ids, bool where_present) const {
    for (size_t i = 0; i < vector.size(); ++i) {
      for (size_t s = 0; s < steps_; ++s) {
        if (present_[ids[i] * steps_ + s] != where_present) vector.Row(i)[s] = Absent();
      }
    }
    DropEmptyRows(vector);
  }

 private:
  size_t steps_;
  std::vector<bool> present_;
};

Result<void> Append(Evaluator& evaluator, VectorValue& to, VectorValue from) {
  to.steps = from.steps;
  TRY(to.charge.Add(evaluator.context().guard, static_cast<int64_t>(from.values.size())));
  std::move(from.series.begin(), from.series.end(), std::back_inserter(to.series));
  to.values.insert(to.values.end(), from.values.begin(), from.values.end());
  // The same series may come from the left at some steps and from the right at others.
  return MergeSameLabels(to);
}

}  // namespace

Result<VectorValue> CombineSets(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                VectorValue rhs) {
  bool on = expr.matching && expr.matching->on;
  SignatureTable table(expr.matching ? expr.matching->labels : std::vector<std::string>{}, on);
  std::vector<size_t> left = Signatures(table, lhs);
  std::vector<size_t> right = Signatures(table, rhs);
  PresenceTable presence(table.size(), std::max(lhs.steps, rhs.steps));
  if (expr.op == BinaryOp::kOr) {
    presence.Mark(lhs, left);
    presence.Keep(rhs, right, false);
    if (rhs.size() == 0) return lhs;
    TRY(Append(evaluator, lhs, std::move(rhs)));
    return lhs;
  }
  presence.Mark(rhs, right);
  presence.Keep(lhs, left, expr.op == BinaryOp::kAnd);
  return lhs;
}

}  // namespace slurmscope::promql
