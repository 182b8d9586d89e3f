#pragma once

#include <string_view>

#include "promql/lexer.h"

namespace slurmscope::promql {

// The kind of a word, in any case; kIdentifier when it is no keyword.
TokenKind KeywordKind(std::string_view word);

}  // namespace slurmscope::promql
