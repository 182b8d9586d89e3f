#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace slurmscope::base {

// Where this process spends CPU time: looks at the stack of whatever thread runs, 100 times a
// second of CPU time, for `duration_ms` of time or until `canceled`. The result is a profile in the
// format of gperftools (https://gperftools.github.io/gperftools/cpuprofile-fileformat.html), with
// the memory map behind it, as pprof reads it beside the program's file. kAlreadyExists while
// another one is being made.
Result<std::string> CpuProfile(int64_t duration_ms, const std::function<bool()>& canceled);

}  // namespace slurmscope::base
