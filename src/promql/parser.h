#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "promql/ast.h"

namespace slurmscope::promql {

using base::Result;

// What of the language is switched on (Prometheus' --enable-feature names in brackets).
struct ParserOptions {
  bool experimental_functions = false;    // [promql-experimental-functions]
  bool extended_range_selectors = false;  // [promql-extended-range-selectors]: anchored, smoothed
  bool fill_modifiers = false;            // [promql-binop-fill-modifiers]
  size_t max_depth = 200;                 // nesting; beyond it an error, not a stack overflow
  size_t max_height = 400;                // levels of the tree: a + b + c ... nests to the left
  size_t max_length = 1 << 20;            // bytes of text
};

// Parses and type-checks an expression. Errors are kInvalidArgument, worded and placed as
// Prometheus 3: `1:5: parse error: unexpected <op:*>` with line and column (bytes, from 1).
Result<ExprPtr> ParseExpr(std::string_view text, const ParserOptions& options = {});

// A selector alone, as match[] takes it: its matchers. At least one must not match the empty
// string: otherwise the error is `match[] must contain at least one non-empty matcher`, without a
// position.
Result<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text);
// The same for those who may ask for everything.
Result<std::vector<model::Matcher>> ParseAnySelector(std::string_view text);

// The expression on one line, as Prometheus prints it; parses to the same tree.
std::string ToString(const Expr& expr);
// The same, with the parts that do not fit into 100 characters on lines of their own.
std::string Prettify(const Expr& expr);

}  // namespace slurmscope::promql
