#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/block_meta.h"
#include "tsdb/head.h"

namespace slurmscope::tsdb {

// The start of the range of `width` that `t` falls in.
int64_t RangeStart(int64_t t, int64_t width);

// Which samples of the head: those that came in order, the others, the frozen ones of these, or
// all.
enum class HeadPart { kInOrder, kOutOfOrder, kFrozen, kAll };

// The chunks of a series, cut to [mint, maxt] and without what was deleted: by time, without
// overlap.
base::Result<std::vector<ChunkCopy>> CopyHeadChunks(const Head& head, SeriesId id, HeadPart part,
                                                    int64_t mint, int64_t maxt);

// Writes the head's samples of [mint, maxt) as a block into `directory`; nullopt when there are
// none.
base::Result<std::optional<BlockMeta>> WriteHeadBlock(const Head& head, HeadPart part,
                                                      const std::string& directory, int64_t mint,
                                                      int64_t maxt, int64_t now_ms);

}  // namespace slurmscope::tsdb
