#include "promql/range_kernels.h"

#include <algorithm>
#include <cmath>

#include "promql/kahan.h"
#include "promql/range_window.h"
#include "promql/rate_kernel.h"
#include "promql/start_times.h"

namespace slurmscope::promql {

namespace {

double Seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

template <bool kIsRate>
double Instant(const Window& w) {
  if (w.size() < 2) return Absent();
  double last = w.v.back();
  double previous = w.v[w.size() - 2];
  if (!kIsRate) return last - previous;
  int64_t interval = w.t.back() - w.t[w.size() - 2];
  if (interval == 0) return Absent();
  bool reset = last < previous || BeganAnew(*w.samples, w.first + w.size() - 1);
  return (reset ? last : last - previous) / Seconds(interval);
}

double Changes(const Window& w) {
  int changes = 0;
  for (size_t i = 1; i < w.size(); ++i) {
    bool both_nan = std::isnan(w.v[i]) && std::isnan(w.v[i - 1]);
    if (w.v[i] != w.v[i - 1] && !both_nan) ++changes;
  }
  return changes;
}

double Resets(const Window& w) {
  int resets = 0;
  for (size_t i = 1; i < w.size(); ++i)
    resets += w.v[i] < w.v[i - 1] || BeganAnew(*w.samples, w.first + i) ? 1 : 0;
  return resets;
}

struct Line {
  double slope = 0;
  double intercept = 0;  // at the time asked for
};

// Least squares; times are seconds from `origin`.
Line Regress(const Window& w, int64_t origin) {
  KahanSum sum_x;
  KahanSum sum_y;
  KahanSum sum_xy;
  KahanSum sum_xx;
  bool constant = true;
  for (size_t i = 0; i < w.size(); ++i) {
    constant = constant && w.v[i] == w.v.front();
    double x = SecondsBetween(origin, w.t[i]);
    sum_x.Add(x);
    sum_y.Add(w.v[i]);
    sum_xy.Add(x * w.v[i]);
    sum_xx.Add(x * x);
  }
  if (constant) {
    if (std::isinf(w.v.front())) return {NAN, NAN};
    return {0, w.v.front()};
  }
  auto total = [](const KahanSum& s) { return s.sum + s.compensation; };
  double n = static_cast<double>(w.size());
  double covariance = total(sum_xy) - total(sum_x) * total(sum_y) / n;
  double variance = total(sum_xx) - total(sum_x) * total(sum_x) / n;
  double slope = covariance / variance;
  return {slope, total(sum_y) / n - slope * total(sum_x) / n};
}

double Deriv(const Window& w) { return w.size() < 2 ? Absent() : Regress(w, w.t.front()).slope; }

void PredictLinear(const RangeInput& input, double* out) {
  ForEachWindow(input, true, out, [&](const Window& w) {
    if (w.size() < 2) return Absent();
    Line line = Regress(w, input.plan.grid.At(w.step));
    return line.slope * input.args[0][w.step] + line.intercept;
  });
}

double Smooth(const Window& w, double factor, double trend_factor) {
  if (w.size() < 2) return Absent();
  double previous = 0;
  double level = w.v[0];
  double trend = w.v[1] - w.v[0];
  for (size_t i = 1; i < w.size(); ++i) {
    if (i > 1) trend = trend_factor * (level - previous) + (1 - trend_factor) * trend;
    double next = factor * w.v[i] + (1 - factor) * (level + trend);
    previous = level;
    level = next;
  }
  return level;
}

void DoubleExponentialSmoothing(const RangeInput& input, double* out) {
  ForEachWindow(input, true, out, [&](const Window& w) {
    return Smooth(w, input.args[0][w.step], input.args[1][w.step]);
  });
}

double Sum(const Window& w) {
  KahanSum sum;
  for (double v : w.v) sum.Add(v);
  return sum.value();
}

double Average(const Window& w) {
  KahanMean mean;
  for (double v : w.v) mean.Add(v);
  return mean.value();
}

double Variance(const Window& w) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  for (double v : w.v) {
    ++count;
    double delta = v - (mean.sum + mean.compensation);
    mean.Add(delta / count);
    squares.Add(delta * (v - (mean.sum + mean.compensation)));
  }
  return (squares.sum + squares.compensation) / count;
}

double Deviation(const Window& w) { return std::sqrt(Variance(w)); }

template <bool kMax>
double Extreme(const Window& w) {
  double best = w.v[0];
  for (double v : w.v) {
    if ((kMax ? v > best : v < best) || std::isnan(best)) best = v;
  }
  return best;
}

// Of equal extremes the last one counts.
template <bool kMax>
double TimeOfExtreme(const Window& w) {
  size_t best = 0;
  for (size_t i = 1; i < w.size(); ++i) {
    if ((kMax ? w.v[i] >= w.v[best] : w.v[i] <= w.v[best]) || std::isnan(w.v[best])) best = i;
  }
  return Seconds(w.t[best]);
}

double Count(const Window& w) { return static_cast<double>(w.size()); }
double Present(const Window&) { return 1; }
double Last(const Window& w) { return w.v.back(); }
double First(const Window& w) { return w.v.front(); }
double TimeOfLast(const Window& w) { return Seconds(w.t.back()); }
double TimeOfFirst(const Window& w) { return Seconds(w.t.front()); }

void QuantileOverTime(const RangeInput& input, double* out) {
  std::vector<double> values;
  ForEachWindow(input, true, out, [&](const Window& w) {
    values.assign(w.v.begin(), w.v.end());
    return Quantile(input.args[0][w.step], values);
  });
}

void MadOverTime(const RangeInput& input, double* out) {
  std::vector<double> values;
  ForEachWindow(input, false, out, [&](const Window& w) {
    if (std::any_of(w.v.begin(), w.v.end(), [](double v) { return std::isnan(v); }))
      return model::NormalNan();
    values.assign(w.v.begin(), w.v.end());
    double median = Quantile(0.5, values);
    for (double& v : values) v = std::fabs(v - median);
    return Quantile(0.5, values);
  });
}

constexpr RangeFunction kFunctions[] = {
    {"rate", RateKernel},
    {"increase", IncreaseKernel},
    {"delta", DeltaKernel},
    {"irate", PerWindow<Instant<true>>},
    {"idelta", PerWindow<Instant<false>>},
    {"changes", PerWindow<Changes>},
    {"resets", PerWindow<Resets>},
    {"deriv", PerWindow<Deriv>},
    {"predict_linear", PredictLinear},
    {"double_exponential_smoothing", DoubleExponentialSmoothing},
    {"sum_over_time", PerWindow<Sum>},
    {"avg_over_time", PerWindow<Average>},
    {"stdvar_over_time", PerWindow<Variance>},
    {"stddev_over_time", PerWindow<Deviation>},
    {"max_over_time", PerWindow<Extreme<true>>},
    {"min_over_time", PerWindow<Extreme<false>>},
    {"ts_of_max_over_time", PerWindow<TimeOfExtreme<true>>},
    {"ts_of_min_over_time", PerWindow<TimeOfExtreme<false>>},
    {"count_over_time", PerWindow<Count>},
    {"present_over_time", PerWindow<Present>, 0, false, true},
    {"last_over_time", PerWindow<Last>, 0, true, true},
    {"first_over_time", PerWindow<First>, 0, true},
    {"ts_of_last_over_time", PerWindow<TimeOfLast>, 0, false, true},
    {"ts_of_first_over_time", PerWindow<TimeOfFirst>},
    {"quantile_over_time", QuantileOverTime, 1},
    {"mad_over_time", MadOverTime},
};

bool NanFirst(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; }

}  // namespace

const RangeFunction* FindRangeFunction(std::string_view name) {
  auto found = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                            [name](const RangeFunction& f) { return f.name == name; });
  return found == std::end(kFunctions) ? nullptr : found;
}

double Quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return NAN;
  if (q < 0) return -INFINITY;
  if (q > 1) return INFINITY;
  std::sort(values.begin(), values.end(), NanFirst);
  double rank = q * static_cast<double>(values.size() - 1);
  auto lower = static_cast<size_t>(rank);
  size_t upper = std::min(values.size() - 1, lower + 1);
  double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

}  // namespace slurmscope::promql
