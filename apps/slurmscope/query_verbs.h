#pragma once

#include <string>
#include <vector>

namespace slurmscope::app {

// `slurmscope query VERB ...`, also as `promtool query`. Arguments after `query`; exit code. With
// `as_promtool` the output is promtool's unless another format is asked for. Prints answers on
// standard output, errors and warnings on standard error.
int RunQuery(const std::vector<std::string>& args, bool as_promtool);

}  // namespace slurmscope::app
