#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace slurmscope::discovery {

// MD5 (RFC 1321), for the relabel action hashmod only: it decides which server takes which target,
// so it must be the same as everywhere else.
std::array<uint8_t, 16> Md5(std::string_view text);

}  // namespace slurmscope::discovery
