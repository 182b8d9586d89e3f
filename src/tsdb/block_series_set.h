#pragma once

#include <memory>
#include <vector>

#include "model/querier.h"
#include "tsdb/block_union.h"

namespace slurmscope::tsdb {

// The series of a selection in several blocks. Decoding gives nothing outside of [mint, maxt].
std::unique_ptr<model::SeriesSet> NewBlockSeriesSet(std::vector<BlockPtr> blocks,
                                                    SeriesUnion series, int64_t mint, int64_t maxt);

}  // namespace slurmscope::tsdb
