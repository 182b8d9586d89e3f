#include "discovery/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::discovery {
namespace {

// Not IN_MODIFY: a file is looked at when its writer is done with it.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

DirectoryWatch::DirectoryWatch() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (inotify_.is_open()) return;
  base::LogWarn("no inotify, target files are polled", {{"errno", errno}});
}

void DirectoryWatch::SetDirectories(const std::set<std::string>& directories) {
  if (!inotify_.is_open()) return;
  std::map<int, std::string> watched;
  for (const std::string& directory : directories) {
    int wd = ::inotify_add_watch(inotify_.fd(), directory.c_str(), kEvents);
    if (wd >= 0) watched[wd] = directory;
  }
  for (const auto& [wd, directory] : directories_) {
    if (!watched.contains(wd)) ::inotify_rm_watch(inotify_.fd(), wd);
  }
  directories_ = std::move(watched);
}

bool DirectoryWatch::Drain(const std::function<void(const std::string&)>& changed) {
  alignas(inotify_event) char buffer[16 * 1024];
  bool any = false;
  while (inotify_.is_open()) {
    ssize_t n = ::read(inotify_.fd(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    any = true;
    for (size_t at = 0; at < static_cast<size_t>(n);) {
      inotify_event event;
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      at += sizeof event + event.len;
      auto directory = directories_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) changed("");
      if (event.len > 0 && directory != directories_.end())
        changed(base::StrCat(directory->second, "/", std::string_view(name)));
    }
  }
  return any;
}

}  // namespace slurmscope::discovery
