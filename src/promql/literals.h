#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::promql {

// The value of a number token: decimal, 0x hexadecimal, 0-leading octal, with underscores, Inf and
// NaN in any case. Errors are worded as Go's strconv, without a position.
base::Result<double> ParseNumber(std::string_view text);

// The bytes of a string token that the lexer has accepted, in any of the three quotes.
std::string Unquote(std::string_view text);

}  // namespace slurmscope::promql
