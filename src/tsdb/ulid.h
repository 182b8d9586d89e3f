#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace slurmscope::tsdb {

// A new ULID (26 characters of Crockford's base 32: 48 bits of time, 80 random bits), the name of a
// block. Sorts by `now_ms`.
std::string NewUlid(int64_t now_ms);
// Whether `name` is a ULID as directories of blocks have it.
bool IsUlid(std::string_view name);

}  // namespace slurmscope::tsdb
