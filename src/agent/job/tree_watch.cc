#include "agent/job/tree_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "agent/job/usage.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

// Slices in slices; below Slurm's own directory the levels have an end by themselves.
constexpr unsigned kMostSlices = 3;

// The directory that a name in `root` leads to; empty: none. Usual links are followed without
// asking about the whole path above.
std::string Resolved(const std::string& root, std::string_view name) {
  const std::string path = base::StrCat(root, "/", name);
  char text[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), text, sizeof text);
  if (size < 0) return errno == EINVAL ? path : "";
  const std::string_view target(text, static_cast<size_t>(size));
  if (target.find('/') == std::string_view::npos) return base::StrCat(root, "/", target);
  return ::realpath(path.c_str(), text) != nullptr ? text : "";
}

bool IsThere(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

std::vector<Hierarchy> FindHierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  for (const std::string& path : {root, root + "/unified"}) {
    if (IsThere(path + "/cgroup.controllers")) found.push_back({path, true, 0});
  }
  // cpu and cpuacct are often one, with a link for each name.
  for (size_t i = 0; i < kControllerNames.size(); ++i) {
    const std::string path = Resolved(root, kControllerNames[i]);
    if (path.empty()) continue;
    const auto known = std::find_if(found.begin(), found.end(),
                                    [&](const Hierarchy& h) { return h.root == path; });
    if (known == found.end()) {
      found.push_back({path, false, 1u << i});
    } else {
      known->controllers |= 1u << i;
    }
  }
  return found;
}

TreeWatch::TreeWatch(std::vector<Hierarchy> hierarchies, TreeListener& listener, size_t most)
    : hierarchies_(std::move(hierarchies)),
      listener_(listener),
      most_(most),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (inotify_.is_open()) return;
  complete_ = false;
  base::LogWarn("no inotify: jobs of less than a second may be missed",
                {{"err", std::strerror(errno)}});
}

void TreeWatch::Scan() {
  complete_ = inotify_.is_open();
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (directories_.contains(hierarchy.root)) {
      ScanDirectory(hierarchy.root);
    } else {
      Add(hierarchy, {}, hierarchy.root, 0);
    }
  }
  if (complete_) warned_of_watch_ = false;
}

void TreeWatch::Watch(const std::string& path, Directory& directory) {
  directory.watch = -1;
  if (!inotify_.is_open()) return;
  uint32_t mask = IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW;
  // A write to cgroup.procs: a process joins; cgroup.events: the last one ended. Only where
  // processes are, as on v2 the files of events of cgroups above are modified whenever a limit is
  // hit.
  const bool step_of_v1 = directory.place.level == Level::kStep && !directory.hierarchy->unified;
  if (directory.place.level == Level::kTask || step_of_v1) mask |= IN_MODIFY;
  directory.watch = ::inotify_add_watch(inotify_.fd(), path.c_str(), mask);
  if (directory.watch < 0 && errno != ENOENT) CannotWatch(path, errno);
}

void TreeWatch::CannotWatch(const std::string& path, int error) {
  complete_ = false;
  if (std::exchange(warned_of_watch_, true)) return;
  base::LogWarn(
      "a cgroup cannot be watched, jobs are looked for every second: those of less than "
      "that may be missed",
      {{"path", path},
       {"err", error == ENOSPC ? "fs.inotify.max_user_watches is reached" : std::strerror(error)}});
}

void TreeWatch::Add(const Hierarchy& hierarchy, const Place& place, const std::string& path,
                    unsigned depth) {
  if (directories_.size() >= most_) {
    if (!std::exchange(warned_, true)) {
      base::LogWarn("too many cgroups of jobs: some are not followed", {{"path", path}});
    }
    return;
  }
  const auto [at, added] = directories_.try_emplace(path, Directory{&hierarchy, place, depth, -1});
  if (!added) return;
  Watch(path, at->second);
  if (at->second.watch >= 0) by_watch_[at->second.watch] = at;
  if (place.level == Level::kTop) seen_slurm_ = true;
  if (place.Counts()) listener_.Found(hierarchy, place, path);
  // After the watch was set: what comes between the two is seen twice, not never.
  ScanDirectory(path);
}

void TreeWatch::ScanDirectory(const std::string& path) {
  const auto at = directories_.find(path);
  if (at == directories_.end() || at->second.place.level == Level::kTask) return;
  const Directory& directory = at->second;
  if (directory.watch < 0) {
    Watch(path, at->second);
    if (directory.watch >= 0) by_watch_[directory.watch] = at;
  }
  const auto names = base::ListDirectory(path);
  std::vector<std::string> old;
  const std::string prefix = path + "/";
  for (auto below = directories_.upper_bound(prefix);
       below != directories_.end() && below->first.starts_with(prefix); ++below) {
    if (below->first.find('/', prefix.size()) == std::string::npos) old.push_back(below->first);
  }
  for (const std::string& gone : old) {
    const std::string name = gone.substr(prefix.size());
    if (!names || !std::binary_search(names->begin(), names->end(), name)) Remove(gone);
  }
  if (!names) return;
  for (const std::string& name : *names) {
    const auto place = PlaceOf(directory.place, directory.hierarchy->unified, name);
    if (!place) continue;
    if (place->level == Level::kAbove && directory.depth >= kMostSlices) continue;
    const std::string child = prefix + name;
    if (directories_.contains(child)) {
      ScanDirectory(child);
    } else {
      Add(*directory.hierarchy, *place, child, directory.depth + 1);
    }
  }
}

void TreeWatch::Remove(const std::string& path) {
  const std::string prefix = path + "/";
  auto end = directories_.lower_bound(prefix);
  while (end != directories_.end() && end->first.starts_with(prefix)) ++end;
  const auto drop = [&](Directories::iterator at) {
    if (at->second.watch >= 0 && inotify_.is_open()) {
      ::inotify_rm_watch(inotify_.fd(), at->second.watch);
      by_watch_.erase(at->second.watch);
    }
    const Directory directory = at->second;
    directories_.erase(at);
    if (directory.place.Counts()) listener_.Gone(*directory.hierarchy, directory.place);
  };
  while (end != directories_.begin() && std::prev(end)->first.starts_with(prefix)) {
    drop(std::prev(end));
  }
  if (const auto at = directories_.find(path); at != directories_.end()) drop(at);
}

void TreeWatch::Handle(int watch, uint32_t mask, std::string_view name) {
  const auto known = by_watch_.find(watch);
  if (known == by_watch_.end()) return;
  const auto& [path, directory] = *known->second;
  if ((mask & IN_IGNORED) != 0) {
    // Removed, and its parent's event will say so or has been lost.
    const std::string gone = path;
    by_watch_.erase(known);
    directories_.find(gone)->second.watch = -1;
    if (!IsThere(gone)) Remove(gone);
    return;
  }
  if ((mask & IN_MODIFY) != 0) {
    if (name == "cgroup.procs" || name == "tasks") listener_.Joined(directory.place);
    if (name == "cgroup.events") listener_.Populated(directory.place);
    return;
  }
  if ((mask & IN_ISDIR) == 0) return;
  const auto place = PlaceOf(directory.place, directory.hierarchy->unified, name);
  if (!place) return;
  const std::string child = base::StrCat(path, "/", name);
  if ((mask & IN_DELETE) != 0) {
    Remove(child);
  } else if (place->level != Level::kAbove || directory.depth < kMostSlices) {
    Add(*directory.hierarchy, *place, child, directory.depth + 1);
  }
}

void TreeWatch::Drain() {
  if (!inotify_.is_open()) return;
  alignas(inotify_event) std::array<char, 16 << 10> buffer;
  for (;;) {
    const ssize_t n = ::read(inotify_.fd(), buffer.data(), buffer.size());
    if (n <= 0) return;
    bool lost = false;
    for (size_t at = 0; at < static_cast<size_t>(n);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) lost = true;
      Handle(event.wd, event.mask, event.len > 0 ? std::string_view(name) : std::string_view());
    }
    if (!lost) continue;
    Scan();
    if (std::exchange(warned_of_loss_, true)) continue;
    base::LogWarn("too many cgroups came and went at a time: some may have been missed",
                  {{"limit", "fs.inotify.max_queued_events"}});
  }
}

}  // namespace slurmscope::agent::job
