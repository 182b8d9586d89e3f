#pragma once

#include <string>

#include "promql/ast.h"

namespace slurmscope::promql {

// Parts of an expression as printed, for those who lay it out themselves.

// `sum by (a) `, without the arguments.
void AppendAggregateHead(std::string& out, const AggregateExpr& node);
// ` + on (a) group_left (b)`: what stands between the operands, but for the space behind.
void AppendOperator(std::string& out, const BinaryExpr& node);
// `[5m:1m] @ 3.000 offset 1m`.
void AppendSubqueryTime(std::string& out, const SubqueryExpr& node);

}  // namespace slurmscope::promql
