#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "config/prometheus.h"

namespace slurmscope::discovery {

// The target files of file_sd and their last good groups. A file is read again when its stat
// changed or it was marked. One thread at a time.
class TargetFiles {
 public:
  // The files that match any of the globs, without those no glob names any more. Broken ones are
  // logged once per change and keep what they had; ones that are gone are forgotten.
  void Scan(const std::vector<std::string>& globs);

  // To be read at the next scan whatever stat says: two writes can share a time stamp.
  void MarkChanged(const std::string& path);
  void MarkAllChanged();

  // Appends the groups of the files that `glob` matched at the last scan, in the order of their
  // names.
  void AppendGroups(const std::string& glob, std::vector<config::TargetGroup>* out) const;

  // Times that a file could not be read or understood.
  uint64_t read_errors() const { return read_errors_; }

 private:
  // Device, inode, size, modification and change time in nanoseconds.
  using Signature = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;
  struct File {
    Signature signature;
    bool changed = true;
    std::vector<config::TargetGroup> groups;
  };
  static void Stat(const std::string& path, Signature* signature);
  void Read(const std::string& path, File* file);

  std::map<std::string, std::vector<std::string>> matches_;  // by glob
  std::map<std::string, File> files_;
  uint64_t read_errors_ = 0;
};

// Names that match `pattern`, sorted, at most 10000.
std::vector<std::string> Glob(const std::string& pattern);

}  // namespace slurmscope::discovery
