#pragma once

#include <string_view>

#include "base/result.h"

namespace slurmscope::promql {

// `2:5: parse error: message`, line and column of byte `pos` in `text` counted from 1.
tl::unexpected<base::Error> ParseError(std::string_view text, int pos, std::string_view message);

}  // namespace slurmscope::promql
