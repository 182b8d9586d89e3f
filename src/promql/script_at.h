#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "promql/parser.h"

namespace slurmscope::promql {

// The query with `@ t` on all its selectors and subqueries, so that it tells of time `t` whenever
// it is asked. Empty when it cannot be written so: it does not parse or asks for the time of
// evaluation.
std::string FixedAt(std::string_view query, int64_t t, const ParserOptions& options);

}  // namespace slurmscope::promql
