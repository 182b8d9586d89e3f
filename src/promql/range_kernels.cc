#include "promql/range_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "promql/kahan.h"
#include "promql/range_window.h"
#include "promql/start_times.h"

namespace slurmscope::promql {

namespace {

double Seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

enum class RateKind { kRate, kIncrease, kDelta };

double Extrapolate(const Window& w, double change, RateKind kind, std::optional<int64_t> zero_t) {
  ObservedChange observed{w.start,
                          w.end,
                          w.t.front(),
                          w.t.back(),
                          w.size(),
                          w.v.front(),
                          change,
                          kind != RateKind::kDelta,
                          kind == RateKind::kRate,
                          zero_t};
  return change * ExtrapolationFactor(observed);
}

constexpr size_t kAskedAtOnce = 8;

// Whether one of the values from `v` on is below the one before it. Two are compared by one
// instruction.
bool AnyFalls(const double* v) {
  using Two = double __attribute__((vector_size(16)));
  Two before[kAskedAtOnce / 2];
  Two now[kAskedAtOnce / 2];
  std::memcpy(before, v - 1, sizeof before);
  std::memcpy(now, v, sizeof now);
  auto falls =
      (now[0] < before[0]) | (now[1] < before[1]) | (now[2] < before[2]) | (now[3] < before[3]);
  return (falls[0] | falls[1]) != 0;
}

// Resets are rare: eight samples are asked at once.
void FindResets(const model::Columns& samples, std::vector<size_t>& resets) {
  const std::vector<double>& v = samples.v;
  bool look_at_all = !samples.st.empty();
  for (size_t i = 1; i < v.size();) {
    size_t end = std::min(i + kAskedAtOnce, v.size());
    bool look = look_at_all || end - i < kAskedAtOnce || AnyFalls(v.data() + i);
    for (; look && i < end; ++i) {
      if (v[i] < v[i - 1] || BeganAnew(samples, i)) resets.push_back(i);
    }
    i = end;
  }
}

// Counter resets are found once for the series; each window then walks only those inside it.
template <RateKind kKind>
void RateKernel(const RangeInput& input, double* out) {
  thread_local std::vector<size_t> resets;
  resets.clear();
  const std::vector<double>& v = input.samples.v;
  if constexpr (kKind != RateKind::kDelta) {
    FindResets(input.samples, resets);
  }
  size_t next = 0;
  ForEachWindow(input, false, out, [&](const Window& w) {
    std::optional<int64_t> zero_t;
    if constexpr (kKind != RateKind::kDelta) zero_t = ZeroTime(input.samples, w.first, w.start);
    if (w.size() < 2 && !zero_t) return Absent();
    double change = w.v.back() - (zero_t ? 0 : w.v.front());
    while (next < resets.size() && resets[next] <= w.first) ++next;
    for (size_t k = next; k < resets.size() && resets[k] < w.first + w.size(); ++k)
      change += v[resets[k] - 1];
    return Extrapolate(w, change, kKind, zero_t);
  });
}

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
    {"rate", RateKernel<RateKind::kRate>},
    {"increase", RateKernel<RateKind::kIncrease>},
    {"delta", RateKernel<RateKind::kDelta>},
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
