#pragma once

#include <memory>
#include <vector>

#include "model/querier.h"

namespace slurmscope::tsdb {

// One view of several: series with the same labels become one, their samples merged by time (an
// earlier part wins where two have the same time). Parts by ascending time are merged fastest.
std::unique_ptr<model::Querier> NewMergedQuerier(
    std::vector<std::unique_ptr<model::Querier>> parts);

}  // namespace slurmscope::tsdb
