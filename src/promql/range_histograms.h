#pragma once

#include "promql/histogram_notes.h"
#include "promql/range_kernels.h"

namespace slurmscope::promql {

// Computes a range function over a series that has histograms. `out` and `histograms` are rows of
// the result, all absent at first. `kernel` is what the function does with floats alone.
void RunOnHistograms(std::string_view function, RangeKernel kernel, const RangeInput& input,
                     const HistogramNotes& notes, double* out, HistogramPtr* histograms);

// The same for rate, increase, delta, changes and resets of anchored and smoothed ranges.
void RunExtendedOnHistograms(std::string_view function, RangeKernel kernel, const RangeInput& input,
                             const HistogramNotes& notes, double* out, HistogramPtr* histograms);

// Replaces unknown reset hints by what a look at the sample before tells.
void DetectResets(model::Columns& samples);

// The line from one histogram to the next, at `part` of the way; null when their schemas do not go
// together. A counter that was reset in between starts from zero.
HistogramPtr Interpolate(const FloatHistogram& from, const FloatHistogram& to, double part,
                         bool counter);

}  // namespace slurmscope::promql
