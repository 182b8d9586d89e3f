#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::http {

// RFC 1952. `level` 1 (fast) to 12 (small).
std::string GzipCompress(std::string_view data, int level = 1);

// One or more gzip members. kResourceExhausted as soon as the output would pass `max_bytes`; memory
// stays within that bound and within what `data` can hold at deflate's best ratio. kCorruption for
// anything that is not gzip.
base::Result<std::string> GzipDecompress(std::string_view data, uint64_t max_bytes);

}  // namespace slurmscope::http
