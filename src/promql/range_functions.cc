#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/calls.h"
#include "promql/label_ops.h"
#include "promql/range_kernels.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

bool LooksLikeCounter(std::string_view name) {
  for (std::string_view suffix : {"_total", "_sum", "_count", "_bucket"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

void NoteNonCounters(Evaluator& evaluator, const VectorValue& vector, PosRange pos) {
  std::string_view last;
  for (const SeriesMeta& meta : vector.series) {
    std::string_view name = meta.labels.Get(model::kMetricName);
    if (name.empty() || name == last || LooksLikeCounter(name)) continue;
    last = name;
    evaluator.context().notes.Info(
        StrCat("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"",
               name, '"'),
        pos);
  }
}

Result<void> CheckSmoothing(const std::vector<std::vector<double>>& args) {
  static constexpr std::string_view kNames[] = {"smoothing", "trend"};
  static constexpr std::string_view kShort[] = {"sf", "tf"};
  for (size_t i = 0; i < 2; ++i) {
    for (double v : args[i]) {
      if (v > 0 && v < 1) continue;
      return ExecError(StrCat("invalid ", kNames[i], " factor. Expected: 0 < ", kShort[i],
                              " < 1, got: ", base::FormatFloat(v, base::FloatStyle::kFixed)));
    }
  }
  return {};
}

Result<std::vector<std::vector<double>>> ScalarArgs(Evaluator& evaluator, const Call& call,
                                                    int range_arg, const StepGrid& grid) {
  std::vector<std::vector<double>> args;
  for (size_t i = 0; i < call.args.size(); ++i) {
    if (static_cast<int>(i) == range_arg) continue;
    args.push_back(TRY(evaluator.EvalScalar(*call.args[i], grid)));
  }
  return args;
}

Result<VectorValue> RunKernel(Evaluator& evaluator, RangeKernel kernel, const RangeSource& source,
                              const std::vector<std::vector<double>>& args) {
  size_t steps = source.plan.grid.count;
  VectorValue vector = TRY(NewVector(evaluator.context().guard, source.size, steps));
  Result<void> done = evaluator.ForEachSeries(
      source.size, steps + 64, [&](size_t begin, size_t end) -> Result<void> {
        model::Columns samples;
        for (size_t i = begin; i < end; ++i) {
          TRY(source.load(i, &samples));
          if (samples.size() > 1000) TRY(evaluator.context().guard.Check());
          double* row = vector.Row(i);
          kernel({samples, source.plan, args}, row);
          if (std::all_of(row, row + steps, IsAbsent)) continue;
          vector.series[i] = {source.labels(i), source.drop_name(i)};
        }
        return {};
      });
  TRY(std::move(done));
  DropEmptyRows(vector);
  return vector;
}

Result<RangeKernel> KernelFor(const RangeFunction& function, RangeMode mode) {
  if (mode == RangeMode::kPlain) return function.kernel;
  if (RangeKernel kernel = FindExtendedKernel(function.name, mode)) return kernel;
  return ExecError(
      StrCat(mode == RangeMode::kSmoothed
                 ? "smoothed modifier can only be used with: delta, increase, rate - not with "
                 : "anchored modifier can only be used with: changes, delta, increase, rate, "
                   "resets - not with ",
             function.name));
}

Result<Value> RangeCall(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::string_view name = call.function->name;
  const RangeFunction& function = *FindRangeFunction(name);
  const Expr& range = *call.args[static_cast<size_t>(function.range_arg)];
  auto args = TRY(ScalarArgs(evaluator, call, function.range_arg, grid));
  if (name == "double_exponential_smoothing") TRY(CheckSmoothing(args));
  RangeSource source = TRY(evaluator.OpenRange(range, grid, name));
  RangeKernel kernel = TRY(KernelFor(function, source.plan.mode));
  VectorValue vector = TRY(RunKernel(evaluator, kernel, source, args));
  if (name == "rate" || name == "increase") NoteNonCounters(evaluator, vector, range.pos);
  if (name == "quantile_over_time" && vector.size() > 0) {
    WarnBadQuantiles(evaluator.context().notes, args[0], call.args[0]->pos);
  }
  if (!function.keeps_name) TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

// 1 where no series has a sample in the window.
Result<Value> AbsentOverTime(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  RangeSource source = TRY(evaluator.OpenRange(*call.args[0], grid, call.function->name));
  VectorValue present =
      TRY(RunKernel(evaluator, FindRangeFunction("present_over_time")->kernel, source, {}));
  return AbsentVector(evaluator, present, *call.args[0], grid);
}

}  // namespace

CallHandler FindRangeCall(std::string_view name) {
  if (name == "absent_over_time") return AbsentOverTime;
  return FindRangeFunction(name) == nullptr ? nullptr : RangeCall;
}

}  // namespace slurmscope::promql
