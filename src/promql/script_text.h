#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::promql {

inline bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

inline void SkipSpace(std::string_view& rest) {
  while (!rest.empty() && IsSpace(rest.front())) rest.remove_prefix(1);
}

// Takes a quoted string ("...", '...' with escapes, or `...` without) off the front of `rest`.
base::Result<std::string> TakeQuoted(std::string_view& rest);

}  // namespace slurmscope::promql
