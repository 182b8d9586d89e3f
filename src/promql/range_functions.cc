#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "base/strings.h"
#include "promql/calls.h"
#include "promql/label_ops.h"
#include "promql/range_histograms.h"
#include "promql/range_kernels.h"
#include "promql/row_source.h"
#include "promql/scratch_columns.h"
#include "promql/start_times.h"

namespace slurmscope::promql {

using base::StrCat;

namespace {

bool LooksLikeCounter(std::string_view name) {
  for (std::string_view suffix : {"_total", "_sum", "_count", "_bucket"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

bool HasFloats(const VectorValue& vector, size_t row) {
  if (!vector.has_histograms()) return true;
  for (size_t s = 0; s < vector.steps; ++s) {
    if (!IsAbsent(vector.Row(row)[s]) && vector.Histogram(row, s) == nullptr) return true;
  }
  return false;
}

void NoteNonCounter(Evaluator& evaluator, std::string_view name, PosRange pos) {
  evaluator.context().notes.Info(
      StrCat("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"",
             name, '"'),
      pos);
}

void NoteNonCounters(Evaluator& evaluator, const VectorValue& vector, PosRange pos) {
  std::string_view last;
  for (size_t i = 0; i < vector.size(); ++i) {
    std::string_view name = vector.series[i].labels.Get(model::kMetricName);
    if (name.empty() || name == last || LooksLikeCounter(name) || !HasFloats(vector, i)) continue;
    last = name;
    NoteNonCounter(evaluator, name, pos);
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

// One range function to be computed over all series of a range vector.
struct RangeTask {
  const RangeFunction& function;
  RangeKernel kernel;
  const RangeSource& source;
  const std::vector<std::vector<double>>& args;
  PosRange pos;  // of the range vector
};

// Reads what the function needs of a series.
Result<void> Load(const RangeTask& task, size_t i, model::Columns* samples) {
  const RangeSource& source = task.source;
  bool one_window = source.plan.grid.count == 1 && source.plan.mode == RangeMode::kPlain;
  if (one_window && task.function.newest_only && source.load_newest)
    return source.load_newest(i, samples);
  return source.load(i, samples);
}

void RunMixed(const RangeTask& task, Annotations& notes, size_t i, const RangeInput& input,
              double* row, HistogramRows& histograms) {
  model::Labels labels = task.source.labels(i);
  HistogramNotes about(notes, task.pos, labels.Get(model::kMetricName));
  auto run = task.source.plan.mode == RangeMode::kPlain ? RunOnHistograms : RunExtendedOnHistograms;
  run(task.function.name, task.kernel, input, about, row, histograms.Row(i));
}

void NoteStarts(const RangeTask& task, Annotations& notes, size_t i,
                const model::Columns& samples) {
  std::string_view function = task.function.name;
  bool counts = function == "rate" || function == "increase" || function == "irate";
  if (!counts || !StartsOverlap(samples)) return;
  model::Labels labels = task.source.labels(i);
  HistogramNotes(notes, task.pos, labels.Get(model::kMetricName)).OverlappingStarts();
}

Result<VectorValue> RunKernel(Evaluator& evaluator, const RangeTask& task) {
  const RangeSource& source = task.source;
  size_t steps = source.plan.grid.count;
  QueryContext& context = evaluator.context();
  VectorValue vector = TRY(NewVector(context.guard, source.size, steps));
  HistogramRows histograms(vector);
  Result<void> done = evaluator.ForEachSeries(
      source.size, steps + source.samples, [&](size_t begin, size_t end) -> Result<void> {
        ScratchColumns scratch;
        model::Columns& samples = *scratch;
        for (size_t i = begin; i < end; ++i) {
          TRY(Load(task, i, &samples));
          if (samples.size() > 1000) TRY(context.guard.Check());
          if (!samples.st.empty()) NoteStarts(task, context.notes, i, samples);
          double* row = vector.Row(i);
          RangeInput input{samples, source.plan, task.args};
          if (samples.has_histograms()) {
            RunMixed(task, context.notes, i, input, row, histograms);
          } else {
            task.kernel(input, row);
          }
          if (std::all_of(row, row + steps, IsAbsent)) continue;
          vector.series[i] = {source.labels(i), source.drop_name(i)};
        }
        return {};
      });
  TRY(std::move(done));
  DropEmptyRows(vector);
  TRY(ChargeHistograms(context.guard, vector));
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
  VectorValue vector = TRY(RunKernel(evaluator, {function, kernel, source, args, range.pos}));
  if (name == "rate" || name == "increase") NoteNonCounters(evaluator, vector, range.pos);
  if (name == "quantile_over_time" && vector.size() > 0) {
    WarnBadQuantiles(evaluator.context().notes, args[0], call.args[0]->pos);
  }
  if (!function.keeps_name) TRY(evaluator.DropNames(vector, SameLabels::kRefuse));
  return VectorOf(std::move(vector));
}

// The name that a selector demands, if it demands one.
std::string_view DemandedName(const Expr& range) {
  const Expr& inner = Unwrap(range);
  if (inner.kind() != NodeKind::kMatrixSelector) return {};
  for (const model::Matcher& m : static_cast<const MatrixSelector&>(inner).selector->matchers) {
    if (m.name() == model::kMetricName && m.type() == model::MatchType::kEqual) return m.value();
  }
  return {};
}

// Series that differ still differ without __name__, __type__ and __unit__.
bool StayDifferent(const RangeSource& source, std::string_view name) {
  return !name.empty() && source.groups({"__type__", "__unit__"}, false).groups.size() <= 1;
}

// The grouping labels as they are once the labels of the metric are gone.
model::LabelGroups GroupNameless(const RangeSource& source, std::vector<std::string> names,
                                 bool without) {
  std::erase_if(names, IsMetadataLabel);
  if (without) names.insert(names.end(), {std::string(model::kMetricName), "__type__", "__unit__"});
  return source.groups(names, without);
}

// 1 where no series has a sample in the window.
Result<Value> AbsentOverTime(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  RangeSource source = TRY(evaluator.OpenRange(*call.args[0], grid, call.function->name));
  const RangeFunction& function = *FindRangeFunction("present_over_time");
  VectorValue present =
      TRY(RunKernel(evaluator, {function, function.kernel, source, {}, call.args[0]->pos}));
  return AbsentVector(evaluator, present, *call.args[0], grid);
}

}  // namespace

Result<std::optional<RowSource>> OpenCallRows(Evaluator& evaluator, const Call& call,
                                              const StepGrid& grid, bool sorted) {
  const RangeFunction* function = FindRangeFunction(call.function->name);
  if (function == nullptr || call.args.size() != 1) return std::nullopt;
  const Expr& range = *call.args[0];
  std::string_view name = DemandedName(range);
  bool drops_name = !function->keeps_name;
  if (Unwrap(range).kind() != NodeKind::kMatrixSelector || (drops_name && name.empty()))
    return std::nullopt;
  if (drops_name && evaluator.context().delayed_name_removal) return std::nullopt;
  auto source = std::make_shared<RangeSource>(
      TRY(evaluator.OpenRange(range, grid, call.function->name, sorted)));
  if (drops_name && !StayDifferent(*source, name)) return std::nullopt;
  RangeKernel kernel = TRY(KernelFor(*function, source->plan.mode));
  RowSource rows;
  rows.size = source->size;
  rows.steps = grid.count;
  rows.work = grid.count + source->samples;
  rows.fill = [source, function, kernel](size_t i, model::Columns* samples,
                                         double* row) -> Result<bool> {
    static const std::vector<std::vector<double>> no_args;
    TRY(Load({*function, kernel, *source, no_args, {}}, i, samples));
    if (samples->has_histograms() || !samples->st.empty()) return false;
    kernel({*samples, source->plan, no_args}, row);
    return true;
  };
  rows.groups = source->groups;
  if (drops_name) {
    rows.groups = [source](const std::vector<std::string>& names, bool without) {
      return GroupNameless(*source, names, without);
    };
  }
  bool counter = call.function->name == "rate" || call.function->name == "increase";
  if (counter && !LooksLikeCounter(name)) {
    rows.note = [&evaluator, name = std::string(name), pos = range.pos] {
      NoteNonCounter(evaluator, name, pos);
    };
  }
  return rows;
}

CallHandler FindRangeCall(std::string_view name) {
  if (name == "absent_over_time") return AbsentOverTime;
  return FindRangeFunction(name) == nullptr ? nullptr : RangeCall;
}

}  // namespace slurmscope::promql
