#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/querier.h"
#include "tsdb/head.h"
#include "tsdb/head_block.h"

namespace slurmscope::tsdb {

using SharedPass = std::shared_ptr<Grace::Pass>;

// A view of the head's samples in [mint, maxt], or a part of them. The head must outlive it and its
// series sets, which hold `pass`.
std::unique_ptr<model::Querier> NewHeadQuerier(const Head& head, HeadPart part, SharedPass pass,
                                               int64_t mint, int64_t maxt);

}  // namespace slurmscope::tsdb
