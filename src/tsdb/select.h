#pragma once

#include <string>
#include <vector>

#include "model/matcher.h"
#include "tsdb/head.h"

namespace slurmscope::tsdb {

// The published series that satisfy all matchers, ascending. The caller holds head.mutex() at least
// shared.
std::vector<SeriesId> SelectSeries(const Head& head, const std::vector<model::Matcher>& matchers);

}  // namespace slurmscope::tsdb
