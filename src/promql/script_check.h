#pragma once

#include <string>

#include "promql/engine.h"
#include "promql/script_parse.h"

namespace slurmscope::promql {

// Compares an answer with what a case expects. Empty when they agree, else what differs.
std::string CheckCase(const EvalCase& eval, const Result<QueryResult>& got);

// Compares an instant answer with the same query's answer at the middle step of a range.
std::string CheckMiddleStep(const EvalCase& eval, const QueryResult& range);

// Relative difference below 1e-6; NaN equals NaN.
bool AlmostEqual(double a, double b);

}  // namespace slurmscope::promql
