#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace slurmscope::agent {

// An array of /proc/mdstat. Views point into the text.
struct MdArray {
  std::string_view device;
  std::string_view state;  // active, inactive, recovering, resync, check
  uint64_t active = 0;
  uint64_t failed = 0;
  uint64_t spare = 0;
  uint64_t required = 0;  // 0 for an inactive array
  uint64_t blocks = 0;    // of 1024 bytes
  uint64_t synced = 0;    // all of them when nothing is being done
};

// What cannot be understood is passed over.
std::vector<MdArray> ParseMdstat(std::string_view text);

}  // namespace slurmscope::agent
