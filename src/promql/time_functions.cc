#include <algorithm>
#include <chrono>
#include <cmath>

#include "promql/calls.h"

namespace slurmscope::promql {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

double Seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

// A moment in UTC, from seconds since the epoch.
struct Moment {
  int64_t day = 0;     // since the epoch
  int64_t second = 0;  // of the day
  year_month_day date;
};

Moment MomentOf(double seconds) {
  auto s = static_cast<int64_t>(seconds);
  int64_t day = s / 86400;
  if (s % 86400 < 0) --day;
  return {day, s - day * 86400, year_month_day(sys_days(days(day)))};
}

// chrono's calendar ends here; a timestamp beyond it has no date.
bool HasDate(double seconds) { return std::fabs(seconds) < 9.0e11; }

double Minute(const Moment& m) { return static_cast<double>(m.second / 60 % 60); }
double Hour(const Moment& m) { return static_cast<double>(m.second / 3600); }
double DayOfWeek(const Moment& m) { return static_cast<double>(((m.day + 4) % 7 + 7) % 7); }
double DayOfMonth(const Moment& m) { return static_cast<unsigned>(m.date.day()); }
double Month(const Moment& m) { return static_cast<unsigned>(m.date.month()); }
double Year(const Moment& m) { return static_cast<int>(m.date.year()); }

double DayOfYear(const Moment& m) {
  sys_days new_year = m.date.year() / std::chrono::January / 1;
  return static_cast<double>((sys_days(days(m.day)) - new_year).count() + 1);
}

double DaysInMonth(const Moment& m) {
  return static_cast<unsigned>((m.date.year() / m.date.month() / std::chrono::last).day());
}

template <double (*Part)(const Moment&)>
Result<Value> DatePart(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector;
  if (call.args.empty()) {
    vector = TRY(NewVector(evaluator.context().guard, 1, grid.count));
    for (size_t s = 0; s < grid.count; ++s) vector.values[s] = std::floor(Seconds(grid.At(s)));
  } else {
    vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  }
  MapSamples(vector, [](double v) { return HasDate(v) ? Part(MomentOf(v)) : model::NormalNan(); });
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

Result<Value> Time(Evaluator&, const Call&, const StepGrid& grid) {
  std::vector<double> column(grid.count);
  for (size_t s = 0; s < grid.count; ++s) column[s] = Seconds(grid.At(s));
  return ScalarOf(std::move(column));
}

// Of a selector the times of its samples, of anything else the time of evaluation.
Result<Value> Timestamp(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  const Expr& arg = Unwrap(*call.args[0]);
  VectorValue vector;
  if (arg.kind() == NodeKind::kVectorSelector) {
    vector = TRY(evaluator.EvalVectorSelector(static_cast<const VectorSelector&>(arg), grid, true));
  } else {
    vector = TRY(evaluator.EvalVector(arg, grid));
    for (size_t i = 0; i < vector.values.size(); ++i) {
      if (!IsAbsent(vector.values[i])) vector.values[i] = Seconds(grid.At(i % vector.steps));
    }
  }
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

Result<Value> Constant(const StepGrid& grid, double v) {
  return ScalarOf(std::vector<double>(grid.count, v));
}

Result<Value> Start(Evaluator& evaluator, const Call&, const StepGrid& grid) {
  return Constant(grid, Seconds(evaluator.context().grid.start));
}
Result<Value> End(Evaluator& evaluator, const Call&, const StepGrid& grid) {
  return Constant(grid, Seconds(evaluator.context().end));
}
Result<Value> Step(Evaluator& evaluator, const Call&, const StepGrid& grid) {
  return Constant(grid, Seconds(evaluator.context().interval));
}
Result<Value> Range(Evaluator& evaluator, const Call&, const StepGrid& grid) {
  return Constant(grid, Seconds(evaluator.context().end) - Seconds(evaluator.context().grid.start));
}

constexpr CallEntry kCalls[] = {
    {"minute", DatePart<Minute>},
    {"hour", DatePart<Hour>},
    {"day_of_week", DatePart<DayOfWeek>},
    {"day_of_month", DatePart<DayOfMonth>},
    {"day_of_year", DatePart<DayOfYear>},
    {"days_in_month", DatePart<DaysInMonth>},
    {"month", DatePart<Month>},
    {"year", DatePart<Year>},
    {"time", Time},
    {"timestamp", Timestamp},
    {"start", Start},
    {"end", End},
    {"step", Step},
    {"range", Range},
};

}  // namespace

CallHandler FindTimeCall(std::string_view name) {
  auto found = std::find_if(std::begin(kCalls), std::end(kCalls),
                            [name](const CallEntry& entry) { return entry.name == name; });
  return found == std::end(kCalls) ? nullptr : found->handler;
}

}  // namespace slurmscope::promql
