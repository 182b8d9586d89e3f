#include "base/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::base {
namespace {

// The fields of /proc/self/stat from the third on, numbered as in proc(5) from 1; 0 when absent.
class StatFields {
 public:
  StatFields() {
    const File file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
    const ssize_t n = file.is_open() ? ::read(file.fd(), buffer_.data(), buffer_.size()) : 0;
    rest_ = std::string_view(buffer_.data(), n > 0 ? static_cast<size_t>(n) : 0);
    // The name may hold spaces, so counting starts after its closing parenthesis (field 2).
    const size_t name_end = rest_.rfind(") ");
    rest_.remove_prefix(name_end == std::string_view::npos ? rest_.size() : name_end + 2);
  }

  // To be asked for in ascending order.
  uint64_t Next(size_t index) {
    std::string_view field;
    for (; at_ <= index; ++at_) {
      const size_t end = std::min(rest_.find(' '), rest_.size());
      field = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return ParseInt<uint64_t>(field).value_or(0);
  }

 private:
  std::array<char, 1024> buffer_;
  std::string_view rest_;
  size_t at_ = 3;
};

// Linux since 6.2 says it as the size of the directory.
uint64_t CountOpenFiles() {
  constexpr const char* kDirectory = "/proc/self/fd";
  struct stat status {};
  if (::stat(kDirectory, &status) == 0 && status.st_size > 0)
    return static_cast<uint64_t>(status.st_size);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(kDirectory), &::closedir);
  uint64_t count = 0;
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr)
    count += entry->d_name[0] != '.';
  return count;
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
  StatFields fields;
  const uint64_t user = fields.Next(14);
  stats.cpu_seconds = static_cast<double>(user + fields.Next(15)) / ticks;
  stats.start_time_seconds = boot_time + static_cast<double>(fields.Next(22)) / ticks;
  stats.virtual_bytes = fields.Next(23);
  stats.resident_bytes = fields.Next(24) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  stats.open_fds = CountOpenFiles();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  if (getrlimit(RLIMIT_AS, &limit) == 0) stats.max_virtual_bytes = limit.rlim_cur;
  return stats;
}

}  // namespace slurmscope::base
