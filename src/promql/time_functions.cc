#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "promql/calls.h"

namespace slurmscope::promql {

namespace {

double Seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

// A moment in UTC. Years are counted from one so long ago that all moments of 64 bits lie after it,
// as Go's package time does: 400 years, of which the first is like the year 1, begin with it.
struct Moment {
  uint64_t second = 0;  // of the day
  uint64_t day = 0;     // since the beginning
  uint64_t year = 0;    // since the beginning
  unsigned month = 0;   // from 0
  unsigned month_day = 0;
  unsigned year_day = 0;
  bool leap = false;
};

constexpr int64_t kFirstYear = -292277022399;
constexpr uint64_t kEpoch = 9223371966579724800ull + 62135596800ull;  // 1970, in seconds since then
constexpr uint64_t kDay = 86400;

unsigned DaysOfMonth(unsigned month, bool leap) {
  constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return kDays[month] + (month == 1 && leap ? 1 : 0);
}

// Numbers that are no integer of 64 bits count as the smallest one, as on Prometheus' usual
// machines.
int64_t WholeSeconds(double seconds) {
  bool fits = seconds >= -0x1p63 && seconds < 0x1p63;
  return fits ? static_cast<int64_t>(seconds) : std::numeric_limits<int64_t>::min();
}

Moment MomentOf(double seconds) {
  uint64_t since = static_cast<uint64_t>(WholeSeconds(seconds)) + kEpoch;
  Moment m;
  m.second = since % kDay;
  m.day = since / kDay;
  constexpr uint64_t kYears400 = 146097;
  uint64_t rest = m.day % kYears400;
  uint64_t centuries = std::min<uint64_t>(rest / 36524, 3);
  rest -= centuries * 36524;
  uint64_t fours = rest / 1461;
  rest -= fours * 1461;
  uint64_t years = std::min<uint64_t>(rest / 365, 3);
  m.year_day = static_cast<unsigned>(rest - years * 365);
  m.year = m.day / kYears400 * 400 + centuries * 100 + fours * 4 + years;
  m.leap = years == 3 && (fours != 24 || centuries == 3);
  m.month_day = m.year_day;
  while (m.month_day >= DaysOfMonth(m.month, m.leap)) m.month_day -= DaysOfMonth(m.month++, m.leap);
  return m;
}

double Minute(const Moment& m) { return static_cast<double>(m.second / 60 % 60); }
double Hour(const Moment& m) { return static_cast<double>(m.second / 3600); }
double DayOfWeek(const Moment& m) { return static_cast<double>((m.day + 1) % 7); }
double DayOfMonth(const Moment& m) { return m.month_day + 1; }
double Month(const Moment& m) { return m.month + 1; }
double Year(const Moment& m) {
  return static_cast<double>(static_cast<int64_t>(m.year) + kFirstYear);
}
double DayOfYear(const Moment& m) { return m.year_day + 1; }
double DaysInMonth(const Moment& m) { return DaysOfMonth(m.month, m.leap); }

template <double (*Part)(const Moment&)>
Result<Value> DatePart(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector;
  if (call.args.empty()) {
    vector = TRY(NewVector(evaluator.context().guard, 1, grid.count));
    for (size_t s = 0; s < grid.count; ++s) vector.values[s] = std::floor(Seconds(grid.At(s)));
  } else {
    vector = TRY(evaluator.EvalVector(*call.args[0], grid));
    KeepFloats(vector);
  }
  MapSamples(vector, [](double v) { return Part(MomentOf(v)); });
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
    vector = TRY(evaluator.EvalVectorSelector(static_cast<const VectorSelector&>(arg), grid,
                                              SampleField::kTime));
  } else {
    vector = TRY(evaluator.EvalVector(arg, grid));
    for (size_t i = 0; i < vector.values.size(); ++i) {
      if (!IsAbsent(vector.values[i])) vector.values[i] = Seconds(grid.At(i % vector.steps));
    }
    vector.histograms.clear();
  }
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

// Of a selector when the counters of its samples began; of anything else nothing.
Result<Value> StartTimestamp(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  const Expr& arg = Unwrap(*call.args[0]);
  if (arg.kind() != NodeKind::kVectorSelector)
    return VectorOf(TRY(NewVector(evaluator.context().guard, 0, grid.count)));
  VectorValue vector = TRY(evaluator.EvalVectorSelector(static_cast<const VectorSelector&>(arg),
                                                        grid, SampleField::kStartTime));
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
    {"start_timestamp", StartTimestamp},
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
