#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "model/querier.h"
#include "promql/annotations.h"
#include "promql/ast.h"
#include "promql/engine.h"
#include "promql/functions.h"
#include "promql/query_guard.h"
#include "promql/range_source.h"
#include "promql/step_grid.h"
#include "promql/value.h"

namespace slurmscope::promql {

// What the parts of one query share. Lives as long as the query.
struct QueryContext {
  model::Queryable& storage;
  base::ThreadPool* pool;  // null: everything on the calling thread
  QueryGuard& guard;
  Annotations& notes;
  StepGrid grid;  // of the whole query; `@ start()`, step() and the like refer to it
  int64_t end = 0;
  int64_t interval = 0;  // as step() tells; 0 for an instant query
  int64_t lookback_ms = 0;
  int64_t default_subquery_step_ms = 0;
  bool instant = false;
  bool delayed_name_removal = false;
  // How many series may still be touched by a query that must be answered at once.
  std::optional<size_t> series_left = std::nullopt;
};

// What a selector gives of its samples: the value, or in seconds its time or when its counter began
// (0 where that is not known).
enum class SampleField { kValue, kTime, kStartTime };

// Evaluates expression trees for all steps of a grid at once. One for each query; used by one
// thread, which spreads the work on series over the pool. Errors are those of Engine.
class Evaluator {
 public:
  explicit Evaluator(QueryContext& context) : context_(context) {}

  QueryContext& context() { return context_; }

  Result<Value> Eval(const Expr& expr, const StepGrid& grid);
  // For expressions of a known type.
  Result<VectorValue> EvalVector(const Expr& expr, const StepGrid& grid);
  Result<std::vector<double>> EvalScalar(const Expr& expr, const StepGrid& grid);
  Result<std::string> EvalString(const Expr& expr);

  // eval_selector.cc
  Result<VectorValue> EvalVectorSelector(const VectorSelector& selector, const StepGrid& grid,
                                         SampleField field);
  // A range vector ready to be walked, of a matrix selector or a subquery.
  // `sorted`: by the labels of its series.
  Result<RangeSource> OpenRange(const Expr& expr, const StepGrid& grid, std::string_view func,
                                bool sorted = true);
  // eval_subquery.cc
  Result<RangeSource> OpenSubquery(const SubqueryExpr& subquery, const StepGrid& grid);
  Result<Value> EvalRangeVector(const Expr& expr, const StepGrid& grid);

  Result<VectorValue> EvalAggregate(const AggregateExpr& expr, const StepGrid& grid);
  Result<Value> EvalBinary(const BinaryExpr& expr, const StepGrid& grid);
  Result<Value> EvalUnary(const UnaryExpr& expr, const StepGrid& grid);
  Result<Value> EvalCall(const Call& call, const StepGrid& grid);

  // Milliseconds of a duration; kOutOfRange when an expression does not give a duration.
  Result<int64_t> Duration(const DurationValue& duration) const;
  Result<TimeShift> Shift(const TimeModifiers& time) const;

  // While true, selectors find out whether a histogram follows a reset when its hint does not tell.
  void set_detect_resets(bool on) { detect_resets_ = on; }
  bool detect_resets() const { return detect_resets_; }

  // __name__ goes: now, or at the end of the query when removal is delayed.
  Result<void> DropNames(VectorValue& vector, SameLabels same = SameLabels::kMerge);

  // body(begin, end) over pieces of [0, n), side by side when there is enough to do; `work` is the
  // cost of one item in samples. Returns the error of the first piece that failed.
  Result<void> ForEachSeries(size_t n, size_t work,
                             const std::function<Result<void>(size_t, size_t)>& body);

 private:
  QueryContext& context_;
  bool detect_resets_ = false;
};

// Strips parentheses.
const Expr& Unwrap(const Expr& expr);

// Errors of execution, as opposed to parsing.
inline tl::unexpected<base::Error> ExecError(std::string message) {
  return base::Fail(base::ErrorCode::kOutOfRange, std::move(message));
}

Value VectorOf(VectorValue vector);
Value ScalarOf(std::vector<double> column);

// `fn` applied to all samples of a vector of floats in place; absent ones stay absent.
template <typename Fn>
void MapSamples(VectorValue& vector, Fn fn) {
  for (double& v : vector.values) {
    if (!IsAbsent(v)) v = fn(v);
  }
}

}  // namespace slurmscope::promql
