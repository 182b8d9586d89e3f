#pragma once

#include <memory>

#include "model/querier.h"
#include "tsdb/block.h"

namespace slurmscope::tsdb {

// A view of a block's samples in [mint, maxt]. It and its series sets keep the block.
std::unique_ptr<model::Querier> NewBlockQuerier(BlockPtr block, int64_t mint, int64_t maxt);

// Replaces `out` with the samples of a series in [mint, maxt] that are not deleted.
base::Result<void> ReadBlockSeries(const Block& block, uint32_t id,
                                   const std::vector<ChunkMeta>& chunks, int64_t mint, int64_t maxt,
                                   model::Columns* out);

}  // namespace slurmscope::tsdb
