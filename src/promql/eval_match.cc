#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "base/strings.h"
#include "promql/binary_ops.h"
#include "promql/eval_binary.h"
#include "promql/label_ops.h"

namespace slurmscope::promql {

using base::StrCat;
using model::Labels;

namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

bool IsFilter(const BinaryExpr& expr) { return IsComparison(expr.op) && !expr.return_bool; }
bool KeepsName(const BinaryExpr& expr) { return IsFilter(expr) || IsTrim(expr.op); }

// Result rows by their labels. A row and step may be written once.
class ResultRows {
 public:
  ResultRows(Evaluator& evaluator, size_t steps) : guard_(evaluator.context().guard) {
    vector_.steps = steps;
  }

  Result<size_t> RowOf(Labels labels, bool drop_name) {
    auto [found, added] = rows_.try_emplace(std::move(labels), vector_.size());
    if (!added) {
      vector_.series[found->second].drop_name |= drop_name;
      return found->second;
    }
    TRY(vector_.charge.Add(guard_, static_cast<int64_t>(vector_.steps), 1));
    vector_.AddRow({found->first, drop_name});
    return found->second;
  }
  // False when there is a sample already.
  bool Set(size_t row, size_t step, Combined result) {
    double& cell = vector_.Row(row)[step];
    if (!IsAbsent(cell)) return false;
    cell = result.v;
    if (result.histogram != nullptr) vector_.Set(row, step, std::move(result.histogram));
    return true;
  }
  VectorValue Take() && { return std::move(vector_); }

 private:
  QueryGuard& guard_;
  VectorValue vector_;
  std::unordered_map<Labels, size_t> rows_;
};

// One binary operation. "Many" is the left side unless group_right turned the operands around.
class Matcher {
 public:
  Matcher(Evaluator& evaluator, const BinaryExpr& expr, VectorValue many, VectorValue one)
      : evaluator_(evaluator),
        expr_(expr),
        matching_(*expr.matching),
        swapped_(matching_.card == Cardinality::kOneToMany),
        many_(std::move(many)),
        one_(std::move(one)),
        signatures_(matching_.labels, matching_.on),
        results_(evaluator, std::max(many_.steps, one_.steps)) {}

  Result<VectorValue> Run() &&;

 private:
  struct Pair {
    size_t one = kNone;
    size_t row = kNone;
  };

  // fill_left means the many side, also where group_right made that the right one: so it is in
  // Prometheus.
  std::optional<double> fill_one() const { return matching_.fill_right; }
  std::optional<double> fill_many() const { return matching_.fill_left; }
  bool one_to_one() const { return matching_.card == Cardinality::kOneToOne; }

  Result<void> Step(size_t step);
  Result<void> IndexOneSide(size_t step);
  Result<void> Emit(size_t many, size_t one, size_t step);
  Result<void> EmitUnmatchedOnes(size_t step);
  Result<size_t> RowOf(size_t many, size_t one);
  Labels ResultLabels(const Labels& many, const Labels* one) const;
  // The value of the pair, absent when a comparison filters it out.
  Combined Combine(const Operand& many, const Operand& one) const;

  Evaluator& evaluator_;
  const BinaryExpr& expr_;
  const VectorMatching& matching_;
  bool swapped_;
  VectorValue many_;
  VectorValue one_;
  SignatureTable signatures_;
  std::vector<size_t> many_ids_;
  std::vector<size_t> one_ids_;
  std::vector<size_t>
      one_at_;  // by signature: the series of the one side with a sample at this step
  std::vector<size_t>
      matched_at_;  // by signature: last step (plus one) with a result, for one-to-one
  std::vector<size_t>
      seen_at_;             // by signature: last step (plus one) when the many side had a sample
  std::vector<Pair> rows_;  // by series of the many side: the row of its last partner
  std::vector<Pair> fill_rows_;  // by series of the one side, when the many side is filled in
  ResultRows results_;
};

Labels Matcher::ResultLabels(const Labels& many, const Labels* one) const {
  bool drop_now = !evaluator_.context().delayed_name_removal && !KeepsName(expr_);
  model::LabelsBuilder builder(drop_now ? WithoutName(many) : many);
  if (one_to_one() && matching_.on) builder.Keep(matching_.labels);
  if (one_to_one() && !matching_.on) builder.Drop(matching_.labels);
  for (const std::string& name : matching_.include) {
    builder.Set(name, one == nullptr ? std::string_view() : one->Get(name));
  }
  return builder.Build();
}

Combined Matcher::Combine(const Operand& many, const Operand& one) const {
  const Operand& left = swapped_ ? one : many;
  const Operand& right = swapped_ ? many : one;
  if (left.histogram != nullptr || right.histogram != nullptr || IsTrim(expr_.op))
    return CombineHistograms(evaluator_.context().notes, expr_, left, right);
  double v = Apply(expr_.op, left.v, right.v);
  if (!IsFilter(expr_)) return {v};
  return {v != 0 ? left.v : Absent()};
}

Result<size_t> Matcher::RowOf(size_t many, size_t one) {
  Pair& pair = rows_[many];
  if (pair.row != kNone && (pair.one == one || matching_.include.empty())) return pair.row;
  pair.one = one;
  const SeriesMeta& meta = many_.series[many];
  Labels labels = ResultLabels(meta.labels, one == kNone ? nullptr : &one_.series[one].labels);
  bool drop = evaluator_.context().delayed_name_removal && (meta.drop_name || !KeepsName(expr_));
  pair.row = TRY(results_.RowOf(std::move(labels), drop));
  return pair.row;
}

Result<void> Matcher::IndexOneSide(size_t step) {
  std::fill(one_at_.begin(), one_at_.end(), kNone);
  for (size_t i = 0; i < one_.size(); ++i) {
    if (IsAbsent(one_.Row(i)[step])) continue;
    size_t& at = one_at_[one_ids_[i]];
    if (at == kNone) {
      at = i;
      continue;
    }
    const Labels& labels = one_.series[i].labels;
    return ExecError(StrCat(
        "found duplicate series for the match group ", signatures_.Project(labels).ToString(),
        " on the ", swapped_ ? "left" : "right", " hand-side of the operation: [",
        labels.ToString(), ", ", one_.series[at].labels.ToString(),
        "];many-to-many matching not allowed: matching labels must be unique on one side"));
  }
  return {};
}

Result<void> Matcher::Emit(size_t many, size_t one, size_t step) {
  Operand other = one == kNone ? Operand{*fill_one()} : OperandAt(one_, one, step);
  Combined result = Combine(OperandAt(many_, many, step), other);
  if (IsAbsent(result.v)) return {};
  size_t signature = many_ids_[many];
  if (one_to_one() && matched_at_[signature] == step + 1) {
    return ExecError(
        "multiple matches for labels: many-to-one matching must be explicit "
        "(group_left/group_right)");
  }
  matched_at_[signature] = step + 1;
  size_t row = TRY(RowOf(many, one));
  if (results_.Set(row, step, std::move(result))) return {};
  return ExecError(one_to_one()
                       ? "vector cannot contain metrics with the same labelset"
                       : "multiple matches for labels: grouping labels must ensure unique matches");
}

Result<void> Matcher::EmitUnmatchedOnes(size_t step) {
  for (size_t i = 0; i < one_.size(); ++i) {
    Operand one = OperandAt(one_, i, step);
    if (IsAbsent(one.v) || seen_at_[one_ids_[i]] == step + 1) continue;
    Combined result = Combine({*fill_many()}, one);
    if (IsAbsent(result.v)) continue;
    Pair& pair = fill_rows_[i];
    if (pair.row == kNone) {
      const SeriesMeta& meta = one_.series[i];
      Labels labels = ResultLabels(signatures_.Project(meta.labels), &meta.labels);
      pair.row = TRY(results_.RowOf(std::move(labels), false));
    }
    if (!results_.Set(pair.row, step, std::move(result))) {
      return ExecError("multiple matches for labels: grouping labels must ensure unique matches");
    }
  }
  return {};
}

bool HasSampleAt(const VectorValue& vector, size_t step) {
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!IsAbsent(vector.Row(i)[step])) return true;
  }
  return false;
}

Result<void> Matcher::Step(size_t step) {
  // Nothing can match, so duplicates on the other side are no error: so it is in Prometheus.
  bool filled = fill_one() || fill_many();
  if (!filled && !(HasSampleAt(many_, step) && HasSampleAt(one_, step))) return {};
  TRY(IndexOneSide(step));
  for (size_t i = 0; i < many_.size(); ++i) {
    if (IsAbsent(many_.Row(i)[step])) continue;
    size_t signature = many_ids_[i];
    seen_at_[signature] = step + 1;
    size_t one = one_at_[signature];
    if (one != kNone || fill_one()) TRY(Emit(i, one, step));
  }
  if (fill_many()) TRY(EmitUnmatchedOnes(step));
  return {};
}

Result<VectorValue> Matcher::Run() && {
  for (const SeriesMeta& meta : many_.series) many_ids_.push_back(signatures_.IdOf(meta.labels));
  for (const SeriesMeta& meta : one_.series) one_ids_.push_back(signatures_.IdOf(meta.labels));
  one_at_.assign(signatures_.size(), kNone);
  matched_at_.assign(signatures_.size(), 0);
  seen_at_.assign(signatures_.size(), 0);
  rows_.resize(many_.size());
  fill_rows_.resize(one_.size());
  size_t steps = many_.size() > 0 ? many_.steps : one_.steps;
  for (size_t step = 0; step < steps; ++step) {
    TRY(evaluator_.context().guard.Check());
    TRY(Step(step));
  }
  return std::move(results_).Take();
}

}  // namespace

Result<VectorValue> MatchVectors(Evaluator& evaluator, const BinaryExpr& expr, VectorValue lhs,
                                 VectorValue rhs) {
  if (expr.matching && expr.matching->card == Cardinality::kOneToMany) std::swap(lhs, rhs);
  return Matcher(evaluator, expr, std::move(lhs), std::move(rhs)).Run();
}

}  // namespace slurmscope::promql
