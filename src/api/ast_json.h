#pragma once

#include "base/json_writer.h"
#include "promql/ast.h"

namespace slurmscope::api {

// The tree of an expression in the form that Prometheus' UI draws it from (/api/v1/parse_query):
// one object for each node with its `type`, keys in alphabetical order. Durations are milliseconds;
// those that only an evaluation settles are 0.
void WriteAst(base::JsonWriter& json, const promql::Expr& expr);

}  // namespace slurmscope::api
