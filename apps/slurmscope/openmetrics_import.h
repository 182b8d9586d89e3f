#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tsdb/backfill.h"

namespace slurmscope::app {

// Gives all samples of an OpenMetrics text to `backfill`, with `labels` set on each. Every sample
// must have a timestamp. Errors name line and column. `on_progress` is told the bytes read so far,
// often.
base::Result<void> ReadOpenMetrics(std::string_view text,
                                   const std::vector<std::pair<std::string, std::string>>& labels,
                                   const std::function<void(size_t)>& on_progress,
                                   tsdb::Backfill& backfill);

}  // namespace slurmscope::app
