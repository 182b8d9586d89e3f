#pragma once

#include "promql/range_kernels.h"

namespace slurmscope::promql {

// rate, increase and delta of floats, for plain windows: RangeKernels.
void RateKernel(const RangeInput& input, double* out);
void IncreaseKernel(const RangeInput& input, double* out);
void DeltaKernel(const RangeInput& input, double* out);

}  // namespace slurmscope::promql
