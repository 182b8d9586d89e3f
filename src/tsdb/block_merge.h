#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/block.h"
#include "tsdb/block_set.h"

namespace slurmscope::tsdb {

// Writes one block with the samples of all `blocks` into `directory`. Chunks are copied as they are
// but where they overlap or samples were deleted: where two blocks have a sample of the same
// time, ByPrecedence() says which counts. nullopt when nothing is left.
base::Result<std::optional<BlockMeta>> MergeBlocks(const BlockList& blocks,
                                                   const std::string& directory, int64_t now_ms);

}  // namespace slurmscope::tsdb
