#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/file.h"

namespace slurmscope::discovery {

// Tells of files written, renamed or removed in a set of directories (inotify). Where the system
// has no watch to spare, or a directory does not exist, it is silent: polling must do. One thread
// at a time.
class DirectoryWatch {
 public:
  DirectoryWatch();

  // For poll(2); -1 when the system gave none.
  int fd() const { return inotify_.fd(); }

  // Watches exactly these. To be called again from time to time: a directory may have been made or
  // replaced.
  void SetDirectories(const std::set<std::string>& directories);

  // Reads the pending events without waiting; calls `changed` with the path of each file, or with
  // an empty one when events were lost. True when there was any event.
  bool Drain(const std::function<void(const std::string&)>& changed);

 private:
  base::File inotify_;
  std::map<int, std::string> directories_;  // by watch descriptor
};

}  // namespace slurmscope::discovery
