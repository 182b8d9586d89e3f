#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/querier.h"
#include "tsdb/head.h"

namespace slurmscope::tsdb {

// A view of the head's samples in [mint, maxt]. The head must outlive it and its series sets.
std::unique_ptr<model::Querier> NewHeadQuerier(const Head& head, int64_t mint, int64_t maxt);

}  // namespace slurmscope::tsdb
