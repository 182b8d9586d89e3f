#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace slurmscope::base {

// The paths that match a pattern of glob(7), sorted, at most `limit`; `cut` tells whether there
// were more. A pattern without any is no error.
std::vector<std::string> Glob(const std::string& pattern, size_t limit, bool* cut = nullptr);

}  // namespace slurmscope::base
