#pragma once

#include <span>
#include <string>

#include "agent/flags.h"
#include "base/result.h"

namespace slurmscope {

// Adds what a YAML file says to `values`, but for flags that these already have. Keys are names of
// flags without dashes, whole ("collector.cpu.info: true") or nested at their dots; values are
// scalars, or lists for flags that may be given again. Unknown and duplicate keys and values that
// do not fit their flag are errors with file, line and column, told all at once.
base::Result<void> AddConfigFile(const std::string& path, std::span<const agent::FlagSpec> known,
                                 agent::FlagValues* values);

}  // namespace slurmscope
