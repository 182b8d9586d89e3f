#pragma once

#include <cstdint>

namespace slurmscope::base {

// What the process_* metrics say of this process, from /proc/self.
struct ProcessStats {
  double cpu_seconds = 0;         // user + system
  double start_time_seconds = 0;  // since the epoch
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  uint64_t max_virtual_bytes = 0;  // UINT64_MAX: no limit
};
ProcessStats ReadProcessStats();

}  // namespace slurmscope::base
