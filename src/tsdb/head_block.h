#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "tsdb/block_meta.h"
#include "tsdb/head.h"

namespace slurmscope::tsdb {

// The start of the range of `width` that `t` falls in.
int64_t RangeStart(int64_t t, int64_t width);

// Writes the head's samples of [mint, maxt) as a block into `directory`; nullopt when there are
// none.
base::Result<std::optional<BlockMeta>> WriteHeadBlock(const Head& head,
                                                      const std::string& directory, int64_t mint,
                                                      int64_t maxt, int64_t now_ms);

}  // namespace slurmscope::tsdb
