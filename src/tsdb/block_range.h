#pragma once

#include "base/result.h"
#include "tsdb/block_meta.h"
#include "tsdb/index_reader.h"

namespace slurmscope::tsdb {

// A wrong time in meta.json would hide samples, or make retention delete other blocks, and
// Prometheus writes it without a checksum. So its times are held against those of some series of
// the index, and where they do not fit, against all. True when `meta` was corrected: so that it
// covers all chunks and does not reach beyond them by more than twice their span and two hours, or
// not at all when it is doubtful.
base::Result<bool> CorrectRange(const IndexReader& index, BlockMeta* meta);

}  // namespace slurmscope::tsdb
