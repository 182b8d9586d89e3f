#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"
#include "tsdb/index_reader.h"

namespace slurmscope::tsdb {

// The series of a block that satisfy all matchers, ascending by id, which is the order of their
// labels.
base::Result<std::vector<uint32_t>> SelectSeries(const IndexReader& index,
                                                 const std::vector<model::Matcher>& matchers);

}  // namespace slurmscope::tsdb
