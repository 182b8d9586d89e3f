#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slurmscope::agent {

// A line of /proc/PID/mountinfo; https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
struct Mount {
  std::string_view major;
  std::string_view minor;
  std::string mount_point;  // without octal escapes
  std::string device;       // the mount source, without octal escapes
  std::string_view fs_type;
  bool read_only = false;  // by the mount's or the super block's options
};

// nullopt when the line is malformed.
std::optional<Mount> ParseMountInfo(std::string_view line);

// "\040" and the like, as the kernel escapes blanks.
std::string UnescapeOctal(std::string_view text);

}  // namespace slurmscope::agent
