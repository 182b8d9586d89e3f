#pragma once

#include "promql/histogram_notes.h"
#include "promql/range_source.h"
#include "promql/value.h"

namespace slurmscope::promql {

// A series read by a `smoothed` vector selector.
struct SmoothedSeries {
  const model::Columns& samples;
  const StepGrid& grid;
  const TimeShift& shift;
  int64_t lookback_ms = 0;
};

// Moves the samples of a row, each the newest before its step, onto the line to the sample after
// the step.
void SmoothFloats(const SmoothedSeries& series, double* row);

// The same for pairs with a histogram, where the row has the newest ones already. Pairs that do not
// go together leave nothing but a warning.
void SmoothHistograms(const SmoothedSeries& series, const HistogramNotes& notes, double* row,
                      HistogramPtr* histograms);

}  // namespace slurmscope::promql
