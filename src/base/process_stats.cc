#include "base/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

// Field `index` of /proc/self/stat, numbered as in proc(5) from 1; 0 when absent. The name may hold
// spaces, so counting starts after its closing parenthesis (field 2).
uint64_t StatField(const std::vector<std::string_view>& after_name, size_t index) {
  size_t position = index - 3;
  if (position >= after_name.size()) return 0;
  return ParseInt<uint64_t>(after_name[position]).value_or(0);
}

double BootTimeSeconds() {
  auto stat = ReadFile("/proc/stat", 16 << 20);
  if (!stat) return 0;
  for (std::string_view line : Split(*stat, '\n')) {
    if (line.starts_with("btime "))
      return static_cast<double>(ParseInt<uint64_t>(line.substr(6)).value_or(0));
  }
  return 0;
}

}  // namespace

ProcessStats ReadProcessStats() {
  static const double boot_time = BootTimeSeconds();
  static const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessStats stats;
  if (auto text = ReadFile("/proc/self/stat", 1 << 16)) {
    size_t name_end = text->rfind(") ");
    if (name_end != std::string::npos) {
      auto fields = Split(std::string_view(*text).substr(name_end + 2), ' ');
      stats.cpu_seconds =
          static_cast<double>(StatField(fields, 14) + StatField(fields, 15)) / ticks;
      stats.start_time_seconds = boot_time + static_cast<double>(StatField(fields, 22)) / ticks;
      stats.virtual_bytes = StatField(fields, 23);
      stats.resident_bytes = StatField(fields, 24) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    }
  }
  if (auto names = ListDirectory("/proc/self/fd")) stats.open_fds = names->size();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  if (getrlimit(RLIMIT_AS, &limit) == 0) stats.max_virtual_bytes = limit.rlim_cur;
  return stats;
}

}  // namespace slurmscope::base
