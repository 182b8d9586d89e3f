#pragma once

#include <cstdint>
#include <string>

#include "base/json_writer.h"
#include "promql/engine.h"

namespace slurmscope::api {

// Seconds with three decimals, or none when they are zero: 1435781430.781, 1435781430.
void AppendTimestamp(std::string& out, int64_t ms);

// {"resultType":"vector","result":[...]} and, if asked, "stats". Writes straight from the columns;
// at most `limit` series (0: all), and then returns true when some were left out.
bool WriteQueryResult(base::JsonWriter& json, const promql::QueryResult& result, bool with_stats,
                      size_t limit);

}  // namespace slurmscope::api
