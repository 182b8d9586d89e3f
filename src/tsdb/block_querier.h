#pragma once

#include <memory>
#include <vector>

#include "model/querier.h"
#include "tsdb/block.h"

namespace slurmscope::tsdb {

// One view of the samples of several blocks in [mint, maxt]. Series with the same labels are one,
// their samples merged by time; where two blocks have a time, the one that comes last counts.
// Blocks by ascending time are read fastest. It and its series sets keep the blocks.
std::unique_ptr<model::Querier> NewBlockQuerier(std::vector<BlockPtr> blocks, int64_t mint,
                                                int64_t maxt);

}  // namespace slurmscope::tsdb
