#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/job/cgroup_path.h"
#include "base/file.h"

namespace slurmscope::agent::job {

// A cgroup file system.
struct Hierarchy {
  std::string root;
  bool unified = false;      // v2
  unsigned controllers = 0;  // v1: bits by number of the Controller
};

// The hierarchies below a directory as /sys/fs/cgroup: one of v2, or one for each controller of v1
// that can hold jobs, or both.
std::vector<Hierarchy> FindHierarchies(const std::string& root);

// Called by TreeWatch, from within its calls.
class TreeListener {
 public:
  virtual ~TreeListener() = default;
  // A cgroup of a job is there, below `directory`. Parents come first.
  virtual void Found(const Hierarchy& hierarchy, const Place& place,
                     const std::string& directory) = 0;
  // It is no longer there. Children first.
  virtual void Gone(const Hierarchy& hierarchy, const Place& place) = 0;
  // A process was moved into it.
  virtual void Joined(const Place& place) = 0;
  // The first process of it is there or, more important, the last one has ended (v2).
  virtual void Populated(const Place& place) = 0;
};

// Knows the directories of Slurm's cgroups and hears by inotify of those that come and go. Not
// thread-safe.
class TreeWatch {
 public:
  // `listener` outlives it. At most `most` directories are known.
  TreeWatch(std::vector<Hierarchy> hierarchies, TreeListener& listener, size_t most);

  // For poll(2); -1 when the system gave none.
  int fd() const { return inotify_.fd(); }
  // Looks at everything anew. To be called first, and from time to time when not Complete().
  void Scan();
  // Handles the pending events without waiting.
  void Drain();
  // False when some directory could not be watched, so that only Scan sees its changes.
  bool Complete() const { return complete_; }
  // Whether Slurm has, or had since the start, a place in a hierarchy.
  bool SeenSlurm() const { return seen_slurm_; }

 private:
  struct Directory {
    const Hierarchy* hierarchy;
    Place place;
    unsigned depth;
    int watch;
  };
  using Directories = std::map<std::string, Directory>;

  void Add(const Hierarchy& hierarchy, const Place& place, const std::string& path, unsigned depth);
  void Watch(const std::string& path, Directory& directory);
  void CannotWatch(const std::string& path, int error);
  void ScanDirectory(const std::string& path);
  void Remove(const std::string& path);
  void Handle(int watch, uint32_t mask, std::string_view name);

  const std::vector<Hierarchy> hierarchies_;
  TreeListener& listener_;
  const size_t most_;
  base::File inotify_;
  Directories directories_;
  std::unordered_map<int, Directories::const_iterator> by_watch_;
  bool complete_ = true;
  bool seen_slurm_ = false;
  bool warned_ = false;
  bool warned_of_watch_ = false;
  bool warned_of_loss_ = false;
};

}  // namespace slurmscope::agent::job
