#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/attr_file.h"
#include "agent/job/tree_watch.h"
#include "agent/job/usage.h"

namespace slurmscope::agent::job {

// A job, step or task in all hierarchies where it is, and its usage as it was read last. Not
// thread-safe.
class Cgroup {
 public:
  explicit Cgroup(Level level);

  // Without `all` only what is needed for sums above is read.
  void AddDirectory(const Hierarchy& hierarchy, const std::string& path, bool all);
  // Its files are closed; what they said stays.
  void DropDirectory(const Hierarchy& hierarchy);
  // Reads all files, or those of one hierarchy. What cannot be read keeps its last value. A limit
  // of `above`, where that is not null, holds here, too.
  void Read(const Usage* above, const Hierarchy* only = nullptr);

  bool alive() const { return !directories_.empty(); }
  const std::vector<std::pair<const Hierarchy*, std::string>>& directories() const {
    return directories_;
  }
  // Whether the last Read got nothing, or there has been nothing in it but garbage.
  bool failed() const { return failed_; }
  const Usage& usage() const { return usage_; }
  // v1 counts OOM kills in the cgroup of the process alone: those are of this one, and are to be
  // added to the cgroups above.
  bool counts_kills_alone() const { return counts_kills_alone_; }
  void AddKills(double count);
  // The CPUs it may use, "0,1,2", and how many; empty and 0 when that is not limited by a cpuset.
  const std::string& cpus() const { return cpus_; }
  size_t cpu_count() const { return cpu_count_; }

 private:
  struct File {
    const Hierarchy* hierarchy;
    const UsageFile* spec;  // null: the cpuset
    AttrFile file;
    bool was_read = false;
  };
  void TakeCpus(std::string_view text);

  Level level_;
  std::vector<std::pair<const Hierarchy*, std::string>> directories_;
  std::vector<File> files_;
  Usage usage_;
  bool failed_ = false;
  bool counts_kills_alone_ = false;
  std::string cpus_text_;
  std::string cpus_;
  size_t cpu_count_ = 0;
};

}  // namespace slurmscope::agent::job
