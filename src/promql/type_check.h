#pragma once

#include <string_view>

#include "base/result.h"
#include "promql/ast.h"

namespace slurmscope::promql {

// Checks the types of a parsed tree as Prometheus does, left to right, inside out, and settles what
// needs them: the matching of a binary operation is dropped unless both sides are vectors. `text`
// is for the position of the error.
base::Result<void> TypeCheck(std::string_view text, Expr* expr);

// True when some matcher does not match the empty string.
bool HasSelectiveMatcher(const VectorSelector& selector);

}  // namespace slurmscope::promql
