#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "promql/calls.h"
#include "promql/label_ops.h"

namespace slurmscope::promql {

namespace {

double Abs(double v) { return std::fabs(v); }
double Ceil(double v) { return std::ceil(v); }
double Floor(double v) { return std::floor(v); }
double Exp(double v) { return std::exp(v); }
double Sqrt(double v) { return std::sqrt(v); }
double Ln(double v) { return std::log(v); }
double Log2(double v) { return std::log2(v); }
double Log10(double v) { return std::log10(v); }
double Sin(double v) { return std::sin(v); }
double Cos(double v) { return std::cos(v); }
double Tan(double v) { return std::tan(v); }
double Asin(double v) { return std::asin(v); }
double Acos(double v) { return std::acos(v); }
double Atan(double v) { return std::atan(v); }
double Sinh(double v) { return std::sinh(v); }
double Cosh(double v) { return std::cosh(v); }
double Tanh(double v) { return std::tanh(v); }
double Asinh(double v) { return std::asinh(v); }
double Acosh(double v) { return std::acosh(v); }
double Atanh(double v) { return std::atanh(v); }
double Rad(double v) { return v * std::numbers::pi / 180; }
double Deg(double v) { return v * 180 / std::numbers::pi; }
double Sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : v; }

template <double (*Fn)(double)>
Result<Value> Map(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  MapSamples(vector, Fn);
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

// fn(value, step) in place on all samples; an absent result removes the sample.
template <typename Fn>
Result<Value> MapSteps(Evaluator& evaluator, VectorValue vector, Fn fn) {
  for (size_t i = 0; i < vector.size(); ++i) {
    double* row = vector.Row(i);
    for (size_t s = 0; s < vector.steps; ++s) {
      if (!IsAbsent(row[s])) row[s] = fn(row[s], s);
    }
  }
  DropEmptyRows(vector);
  TRY(evaluator.DropNames(vector));
  return VectorOf(std::move(vector));
}

double Clamped(double v, double low, double high) {
  if (std::isnan(v) || std::isnan(low) || std::isnan(high)) return NAN;
  return std::max(low, std::min(high, v));
}

Result<Value> Clamp(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  std::vector<double> low = TRY(evaluator.EvalScalar(*call.args[1], grid));
  std::vector<double> high = TRY(evaluator.EvalScalar(*call.args[2], grid));
  return MapSteps(evaluator, std::move(vector), [&](double v, size_t s) {
    return low[s] > high[s] ? Absent() : Clamped(v, low[s], high[s]);
  });
}

Result<Value> ClampMin(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  std::vector<double> low = TRY(evaluator.EvalScalar(*call.args[1], grid));
  return MapSteps(evaluator, std::move(vector),
                  [&](double v, size_t s) { return Clamped(v, low[s], INFINITY); });
}

Result<Value> ClampMax(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  std::vector<double> high = TRY(evaluator.EvalScalar(*call.args[1], grid));
  return MapSteps(evaluator, std::move(vector),
                  [&](double v, size_t s) { return Clamped(v, -INFINITY, high[s]); });
}

// Halves go up. The inverse keeps 0.1 exact where a division would not.
Result<Value> Round(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  std::vector<double> nearest(grid.count, 1);
  if (call.args.size() > 1) nearest = TRY(evaluator.EvalScalar(*call.args[1], grid));
  return MapSteps(evaluator, std::move(vector), [&](double v, size_t s) {
    double inverse = 1.0 / nearest[s];
    return std::floor(v * inverse + 0.5) / inverse;
  });
}

// The only sample of each step, NaN when there is none or more than one.
Result<Value> Scalar(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  std::vector<double> column(grid.count, Absent());
  for (size_t i = 0; i < vector.size(); ++i) {
    for (size_t s = 0; s < grid.count; ++s) {
      double v = vector.Row(i)[s];
      if (!IsAbsent(v)) column[s] = IsAbsent(column[s]) ? v : model::NormalNan();
    }
  }
  for (double& v : column) v = IsAbsent(v) ? model::NormalNan() : v;
  return ScalarOf(std::move(column));
}

Result<Value> Vector(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(NewVector(evaluator.context().guard, 1, grid.count));
  vector.values = TRY(evaluator.EvalScalar(*call.args[0], grid));
  return VectorOf(std::move(vector));
}

Result<Value> AbsentCall(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  return AbsentVector(evaluator, vector, *call.args[0], grid);
}

// By value, NaN last either way. Range queries are sorted by labels in the end, so only instant
// ones care.
template <bool kDescending>
Result<Value> Sort(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  VectorValue vector = TRY(evaluator.EvalVector(*call.args[0], grid));
  if (vector.steps != 1) return VectorOf(std::move(vector));
  std::vector<size_t> order(vector.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    double x = vector.values[a];
    double y = vector.values[b];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return kDescending ? x > y : x < y;
  });
  VectorValue sorted;
  sorted.steps = 1;
  for (size_t i : order) {
    sorted.series.push_back(std::move(vector.series[i]));
    sorted.values.push_back(vector.values[i]);
  }
  sorted.charge = std::move(vector.charge);
  return VectorOf(std::move(sorted));
}

template <bool kMax>
Result<Value> ExtremeOf(Evaluator& evaluator, const Call& call, const StepGrid& grid) {
  std::vector<double> a = TRY(evaluator.EvalScalar(*call.args[0], grid));
  std::vector<double> b = TRY(evaluator.EvalScalar(*call.args[1], grid));
  for (size_t s = 0; s < grid.count; ++s) {
    if (std::isnan(a[s]) || std::isnan(b[s])) {
      a[s] = NAN;
    } else {
      a[s] = kMax ? std::max(a[s], b[s]) : std::min(a[s], b[s]);
    }
  }
  return ScalarOf(std::move(a));
}

Result<Value> Pi(Evaluator&, const Call&, const StepGrid& grid) {
  return ScalarOf(std::vector<double>(grid.count, std::numbers::pi));
}

constexpr CallEntry kCalls[] = {
    {"abs", Map<Abs>},
    {"ceil", Map<Ceil>},
    {"floor", Map<Floor>},
    {"exp", Map<Exp>},
    {"sqrt", Map<Sqrt>},
    {"ln", Map<Ln>},
    {"log2", Map<Log2>},
    {"log10", Map<Log10>},
    {"sin", Map<Sin>},
    {"cos", Map<Cos>},
    {"tan", Map<Tan>},
    {"asin", Map<Asin>},
    {"acos", Map<Acos>},
    {"atan", Map<Atan>},
    {"sinh", Map<Sinh>},
    {"cosh", Map<Cosh>},
    {"tanh", Map<Tanh>},
    {"asinh", Map<Asinh>},
    {"acosh", Map<Acosh>},
    {"atanh", Map<Atanh>},
    {"rad", Map<Rad>},
    {"deg", Map<Deg>},
    {"sgn", Map<Sign>},
    {"clamp", Clamp},
    {"round", Round},
    {"clamp_min", ClampMin},
    {"clamp_max", ClampMax},
    {"scalar", Scalar},
    {"vector", Vector},
    {"absent", AbsentCall},
    {"sort", Sort<false>},
    {"sort_desc", Sort<true>},
    {"min_of", ExtremeOf<false>},
    {"pi", Pi},
    {"max_of", ExtremeOf<true>},
};

}  // namespace

CallHandler FindInstantCall(std::string_view name) {
  auto found = std::find_if(std::begin(kCalls), std::end(kCalls),
                            [name](const CallEntry& entry) { return entry.name == name; });
  return found == std::end(kCalls) ? nullptr : found->handler;
}

}  // namespace slurmscope::promql
