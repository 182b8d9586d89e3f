#include "promql/sample_count.h"

#include <algorithm>
#include <mutex>

#include "promql/range_window.h"

namespace slurmscope::promql {
namespace {

// Of one sample.
int64_t SizeOf(const FloatHistogram* histogram) {
  return histogram == nullptr ? 1 : histogram->Weight();
}

class Counter {
 public:
  Counter(Evaluator& evaluator, const StepGrid& grid)
      : evaluator_(evaluator), grid_(grid), counts_(grid.count) {}

  Result<void> Count(const Expr& expr) {
    switch (expr.kind()) {
      case NodeKind::kVectorSelector:
        return CountInstant(static_cast<const VectorSelector&>(expr));
      case NodeKind::kMatrixSelector:
      case NodeKind::kSubquery:
        return CountWindows(expr);
      case NodeKind::kCall:
        return CountArguments(static_cast<const Call&>(expr));
      case NodeKind::kAggregate: {
        const auto& aggregate = static_cast<const AggregateExpr&>(expr);
        if (aggregate.param) TRY(Count(*aggregate.param));
        return Count(*aggregate.expr);
      }
      case NodeKind::kBinary: {
        const auto& binary = static_cast<const BinaryExpr&>(expr);
        TRY(Count(*binary.lhs));
        return Count(*binary.rhs);
      }
      case NodeKind::kUnary:
        return Count(*static_cast<const UnaryExpr&>(expr).expr);
      case NodeKind::kParen:
        return Count(*static_cast<const ParenExpr&>(expr).expr);
      case NodeKind::kNumber:
      case NodeKind::kString:
      case NodeKind::kDuration:
        break;
    }
    return {};
  }

  std::vector<int64_t> Take() { return std::move(counts_); }

 private:
  Result<void> CountArguments(const Call& call) {
    // What stands second in info() is no selector of samples.
    size_t n = call.function->name == "info" ? 1 : call.args.size();
    for (size_t i = 0; i < n; ++i) TRY(Count(*call.args[i]));
    return {};
  }

  Result<void> CountInstant(const VectorSelector& selector) {
    VectorValue vector = TRY(evaluator_.EvalVectorSelector(selector, grid_, SampleField::kValue));
    for (size_t i = 0; i < vector.size(); ++i) {
      for (size_t s = 0; s < vector.steps; ++s) {
        if (!IsAbsent(vector.Row(i)[s])) counts_[s] += SizeOf(vector.Histogram(i, s));
      }
    }
    return {};
  }

  Result<void> CountWindows(const Expr& expr) {
    RangeSource source = TRY(evaluator_.OpenRange(expr, grid_, ""));
    std::mutex mutex;
    auto body = [&](size_t begin, size_t end) -> Result<void> {
      model::Columns samples;
      std::vector<int64_t> counts(grid_.count);
      for (size_t i = begin; i < end; ++i) {
        TRY(source.load(i, &samples));
        AddWindows(samples, source.plan, &counts);
      }
      std::lock_guard lock(mutex);
      for (size_t s = 0; s < counts.size(); ++s) counts_[s] += counts[s];
      return {};
    };
    return evaluator_.ForEachSeries(source.size, source.samples + grid_.count, body);
  }

  static void AddWindows(const model::Columns& samples, const WindowPlan& plan,
                         std::vector<int64_t>* counts) {
    std::vector<int64_t> before(samples.size() + 1);  // sizes of the samples before each
    for (size_t i = 0; i < samples.size(); ++i) {
      before[i + 1] = before[i] + SizeOf(samples.Histogram(i));
    }
    for (size_t s = 0; s < counts->size(); ++s) {
      auto past = [&](int64_t t) {
        return std::upper_bound(samples.t.begin(), samples.t.end(), t) - samples.t.begin();
      };
      auto low = static_cast<size_t>(past(plan.Start(s)));
      auto high = std::max(low, static_cast<size_t>(past(plan.End(s))));
      (*counts)[s] += before[high] - before[low];
    }
  }

  Evaluator& evaluator_;
  const StepGrid& grid_;
  std::vector<int64_t> counts_;
};

}  // namespace

Result<std::vector<int64_t>> CountSamples(Evaluator& evaluator, const Expr& expr,
                                          const StepGrid& grid) {
  Counter counter(evaluator, grid);
  TRY(counter.Count(expr));
  return counter.Take();
}

}  // namespace slurmscope::promql
