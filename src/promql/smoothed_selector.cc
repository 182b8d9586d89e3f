#include "promql/smoothed_selector.h"

#include <algorithm>

#include "promql/range_histograms.h"

namespace slurmscope::promql {

using model::Columns;

namespace {

// fn(step, after, part): the step lies at `part` of the way from sample after - 1 to `after`.
template <typename Fn>
void ForEachPair(const SmoothedSeries& series, const double* row, Fn fn) {
  const Columns& samples = series.samples;
  for (size_t i = 0; i < series.grid.count; ++i) {
    if (IsAbsent(row[i])) continue;
    int64_t t = series.shift.Apply(series.grid.At(i));
    auto next = std::upper_bound(samples.t.begin(), samples.t.end(), t) - samples.t.begin();
    auto after = static_cast<size_t>(next);
    if (after == samples.size() || model::IsStale(samples.v[after])) continue;
    if (samples.t[after] > SaturatingAdd(t, series.lookback_ms)) continue;
    double span = static_cast<double>(samples.t[after]) - static_cast<double>(samples.t[after - 1]);
    fn(i, after, (static_cast<double>(t) - static_cast<double>(samples.t[after - 1])) / span);
  }
}

}  // namespace

void SmoothFloats(const SmoothedSeries& series, double* row) {
  ForEachPair(series, row, [&](size_t i, size_t after, double part) {
    if (series.samples.Histogram(after - 1) == nullptr &&
        series.samples.Histogram(after) == nullptr)
      row[i] += (series.samples.v[after] - row[i]) * part;
  });
}

void SmoothHistograms(const SmoothedSeries& series, const HistogramNotes& notes, double* row,
                      HistogramPtr* histograms) {
  ForEachPair(series, row, [&](size_t i, size_t after, double part) {
    const FloatHistogram* from = series.samples.Histogram(after - 1);
    const FloatHistogram* to = series.samples.Histogram(after);
    if ((from == nullptr && to == nullptr) || part == 0) return;
    if (from == nullptr || to == nullptr) {
      row[i] = Absent();
      return notes.MixedWithFloats();
    }
    histograms[i] = Interpolate(*from, *to, part, to->hint != model::ResetHint::kGauge);
    if (histograms[i] != nullptr) return;
    row[i] = Absent();
    notes.MixedSchemas();
  });
}

}  // namespace slurmscope::promql
