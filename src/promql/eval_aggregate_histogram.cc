#include <memory>

#include "model/histogram_sum.h"
#include "promql/eval_aggregate.h"
#include "promql/histogram_notes.h"

namespace slurmscope::promql {

namespace {

// The histograms of one group at one step; HistogramSum begins with its first, HistogramMean empty.
struct SumCell {
  std::unique_ptr<model::HistogramSum> sum;
  bool mixed_schemas = false;

  bool any() const { return sum != nullptr; }
  bool Add(const FloatHistogram& h) {
    if (sum != nullptr) return sum->Add(h);
    sum = std::make_unique<model::HistogramSum>(h);
    return true;
  }
};
struct MeanCell {
  std::unique_ptr<model::HistogramMean> sum;
  bool mixed_schemas = false;

  bool any() const { return sum != nullptr; }
  bool Add(const FloatHistogram& h) {
    if (sum == nullptr) sum = std::make_unique<model::HistogramMean>();
    return sum->Add(h);
  }
};

template <typename Cell>
void AddRow(const VectorValue& input, size_t row, const HistogramNotes& notes, Cell* cells) {
  for (size_t s = 0; s < input.steps; ++s) {
    const FloatHistogram* h = input.Histogram(row, s);
    if (h == nullptr || cells[s].mixed_schemas) continue;
    if (cells[s].Add(*h)) continue;
    cells[s].mixed_schemas = true;
    notes.MixedSchemas();
  }
}

// `result` holds what became of the floats.
template <typename Cell>
void FillCell(const Cell& cell, const HistogramNotes& notes, VectorValue& result, size_t row,
              size_t step) {
  if (!cell.any()) return;
  double& v = result.Row(row)[step];
  bool has_floats = !IsAbsent(v);
  v = Absent();
  if (has_floats) return notes.MixedWithFloatsInAggregation();
  if (cell.mixed_schemas) return;
  if (cell.sum->hints_conflict()) notes.ConflictingResets("aggregation");
  if (cell.sum->reconciled()) notes.Reconciled("aggregation");
  result.Set(row, step, cell.sum->Result());
}

template <typename Cell>
Result<VectorValue> Aggregate(Evaluator& evaluator, const AggregateExpr& expr, VectorValue input) {
  QueryContext& context = evaluator.context();
  Grouping grouping = GroupSeries(input, expr);
  size_t steps = input.steps;
  std::vector<Cell> cells(grouping.groups.size() * steps);
  for (size_t i = 0; i < input.size(); ++i) {
    if (i % 256 == 255) TRY(context.guard.Check());
    HistogramNotes notes(context.notes, expr.expr->pos,
                         input.series[i].labels.Get(model::kMetricName));
    AddRow(input, i, notes, cells.data() + grouping.group_of[i] * steps);
  }
  for (size_t k = 0; k < input.values.size(); ++k) {
    if (input.histograms[k] != nullptr) input.values[k] = Absent();
  }
  VectorValue result = TRY(AggregateFloats(evaluator, expr.op, input, std::move(grouping)));
  HistogramNotes notes(context.notes, expr.expr->pos, "");
  for (size_t k = 0; k < cells.size(); ++k) FillCell(cells[k], notes, result, k / steps, k % steps);
  DropEmptyRows(result);
  TRY(ChargeHistograms(context.guard, result));
  return result;
}

}  // namespace

Result<VectorValue> AggregateHistograms(Evaluator& evaluator, const AggregateExpr& expr,
                                        VectorValue input) {
  return expr.op == AggregateOp::kSum ? Aggregate<SumCell>(evaluator, expr, std::move(input))
                                      : Aggregate<MeanCell>(evaluator, expr, std::move(input));
}

}  // namespace slurmscope::promql
