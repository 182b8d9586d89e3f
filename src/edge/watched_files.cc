#include "edge/watched_files.h"

#include <utility>

namespace slurmscope::edge {

Result<std::string> WatchedFiles::Read(const std::string& path) {
  // Before the content: what is written meanwhile is a change.
  Watch(path);
  return base::ReadFile(path, kMaxBytes);
}

bool WatchedFiles::TakeChange() {
  bool changed = false;
  for (auto& [path, stamp] : stamps_) {
    const base::FileStamp now = base::StampOf(path);
    changed |= std::exchange(stamp, now) != now;
  }
  return changed;
}

}  // namespace slurmscope::edge
