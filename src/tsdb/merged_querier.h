#pragma once

#include <memory>
#include <vector>

#include "model/querier.h"
#include "tsdb/block_set.h"
#include "tsdb/head_querier.h"

namespace slurmscope::tsdb {

// One view of several: series with the same labels become one, their samples merged by time (the
// later part counts where two have the same time). Parts by ascending time are merged fastest.
std::unique_ptr<model::Querier> NewMergedQuerier(
    std::vector<std::unique_ptr<model::Querier>> parts);

// One view of the samples of blocks and head in [mint, maxt]: samples out of order count over those
// in order, later ones over earlier ones. `pass` is one of the head, taken before the blocks.
std::unique_ptr<model::Querier> NewStorageQuerier(const BlockList& blocks, const Head& head,
                                                  SharedPass pass, int64_t mint, int64_t maxt);

}  // namespace slurmscope::tsdb
