#pragma once

#include <map>
#include <string>

#include "base/file.h"

namespace slurmscope::edge {

using base::Result;

// Small files that are read again when they change. Not thread-safe.
class WatchedFiles {
 public:
  static constexpr uint64_t kMaxBytes = 1 << 20;

  // Reads the file and watches it from now on.
  Result<std::string> Read(const std::string& path);
  // Its stamp is taken now; for a file that is read by another.
  void Watch(const std::string& path) { stamps_[path] = base::StampOf(path); }
  // Whether a watched file was changed, made or removed since it was read; then it counts as
  // unchanged until the next change, whether or not it is read.
  bool TakeChange();
  // Before all is read anew: what is not read again is no longer watched.
  void Clear() { stamps_.clear(); }

 private:
  std::map<std::string, base::FileStamp> stamps_;
};

}  // namespace slurmscope::edge
