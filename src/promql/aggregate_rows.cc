#include <algorithm>
#include <limits>
#include <numeric>

#include "promql/eval_aggregate.h"
#include "promql/row_source.h"
#include "promql/scratch_columns.h"

namespace slurmscope::promql {

namespace {

// Samples made at once, so that they stay in the cache.
constexpr size_t kBatchCells = 1 << 17;
constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();

class DirectAggregation {
 public:
  DirectAggregation(Evaluator& evaluator, const RowSource& rows, model::LabelGroups groups)
      : evaluator_(evaluator),
        rows_(rows),
        groups_(std::move(groups)),
        first_row_(groups_.groups.size(), kNever),
        batch_(std::clamp<size_t>(kBatchCells / rows.steps, 16, std::max<size_t>(rows.size, 16))) {}

  // nullopt when there are histograms.
  Result<std::optional<VectorValue>> Run(AggregateOp op) {
    QueryGuard& guard = evaluator_.context().guard;
    size_t groups = groups_.groups.size();
    VectorValue buffer = TRY(NewVector(guard, std::min(batch_, rows_.size), rows_.steps));
    VectorValue result = TRY(NewVector(guard, groups, rows_.steps));
    auto accumulator = NewRowAccumulator(op, groups, rows_.steps);
    for (size_t begin = 0; begin < rows_.size; begin += batch_) {
      size_t count = std::min(batch_, rows_.size - begin);
      if (begin > 0) std::fill(buffer.values.begin(), buffer.values.end(), Absent());
      if (!TRY(Fill(begin, count, buffer.values.data()))) return std::nullopt;
      NoteFirstRows(begin, count);
      TRY(AddRows(evaluator_, *accumulator, buffer.values.data(), groups_.group_of.data() + begin,
                  count, rows_.steps));
    }
    accumulator->Write(result.values.data());
    return TRY(InOrder(std::move(result)));
  }

 private:
  // False when there are histograms.
  Result<bool> Fill(size_t begin, size_t count, double* cells) {
    std::atomic<bool> histograms{false};
    present_.assign(count, 0);
    auto body = [&](size_t first, size_t last) -> Result<void> {
      ScratchColumns scratch;
      model::Columns& samples = *scratch;
      for (size_t i = first; i < last && !histograms.load(std::memory_order_relaxed); ++i) {
        double* row = cells + i * rows_.steps;
        if (!TRY(rows_.fill(begin + i, &samples, row))) histograms = true;
        if (samples.size() > 1000) TRY(evaluator_.context().guard.Check());
        present_[i] = std::all_of(row, row + rows_.steps, IsAbsent) ? 0 : 1;
      }
      return {};
    };
    TRY(evaluator_.ForEachSeries(count, rows_.work, body));
    return !histograms.load();
  }

  void NoteFirstRows(size_t begin, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (!present_[i]) continue;
      uint32_t& first = first_row_[groups_.group_of[begin + i]];
      first = std::min(first, static_cast<uint32_t>(begin + i));
    }
  }

  // The groups that have samples, in the order in which they were met.
  Result<VectorValue> InOrder(VectorValue result) {
    std::vector<uint32_t> order;
    for (uint32_t g = 0; g < first_row_.size(); ++g) {
      if (first_row_[g] != kNever) order.push_back(g);
    }
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return first_row_[a] < first_row_[b]; });
    if (!order.empty()) rows_.note();
    VectorValue sorted = TRY(NewVector(evaluator_.context().guard, order.size(), rows_.steps));
    for (size_t i = 0; i < order.size(); ++i) {
      sorted.series[i].labels = std::move(groups_.groups[order[i]]);
      std::copy_n(result.Row(order[i]), rows_.steps, sorted.Row(i));
    }
    return sorted;
  }

  Evaluator& evaluator_;
  const RowSource& rows_;
  model::LabelGroups groups_;
  std::vector<uint32_t> first_row_;  // with a sample, by group
  size_t batch_;
  std::vector<char> present_;  // in the batch
};

// Whether the result depends on the order of the rows: that of sums in their last digits, and the
// order of groups.
bool OrderMatters(const AggregateExpr& expr) {
  bool one_group = expr.grouping.empty() && !expr.without;
  return !one_group || (expr.op != AggregateOp::kCount && expr.op != AggregateOp::kGroup);
}

std::vector<std::string> GroupingNames(const AggregateExpr& expr) {
  std::vector<std::string> names = expr.grouping;
  if (expr.without) names.emplace_back(model::kMetricName);
  return names;
}

}  // namespace

Result<std::optional<VectorValue>> AggregateRows(Evaluator& evaluator, const AggregateExpr& expr,
                                                 const StepGrid& grid) {
  if (NewRowAccumulator(expr.op, 0, 0) == nullptr) return std::nullopt;
  auto rows = TRY(OpenRows(evaluator, *expr.expr, grid, OrderMatters(expr)));
  if (!rows || rows->size >= kNever) return std::nullopt;
  model::LabelGroups groups = rows->groups(GroupingNames(expr), expr.without);
  return DirectAggregation(evaluator, *rows, std::move(groups)).Run(expr.op);
}

}  // namespace slurmscope::promql
