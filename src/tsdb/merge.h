#pragma once

#include <cstddef>

#include "model/sample.h"

namespace slurmscope::tsdb {

// Puts the samples of `from` into `into`, both by ascending time; where both have a time, that of
// `from` counts.
void MergeColumns(const model::Columns& from, model::Columns* into);

}  // namespace slurmscope::tsdb
