#pragma once

#include <string>
#include <vector>

#include "agent/attr_file.h"
#include "agent/family.h"

namespace slurmscope::agent {

// The CPUs below /sys/devices/system/cpu: throttle counts, online and isolated state. The tree is
// listed anew when told that CPUs changed; the files of each CPU stay open. Not thread-safe.
class CpuTopology {
 public:
  CpuTopology(std::string directory, FamilySet& out);

  // `cpus`: how many CPUs /proc/stat shows now.
  void Update(size_t cpus);

 private:
  struct Counter {
    AttrFile file;
    std::string core;
    std::string package;
  };
  struct OnlineFile {
    AttrFile file;
    std::string cpu;
  };

  void Discover();
  void DiscoverCpu(const std::string& name);
  void UpdateIsolated();

  const std::string directory_;
  Family& core_throttles_;
  Family& package_throttles_;
  Family& isolated_;
  Family& online_;
  AttrFile isolated_file_;
  std::string isolated_text_;
  std::vector<std::string> isolated_cpus_;
  std::vector<Counter> cores_;     // the first CPU of each core
  std::vector<Counter> packages_;  // the first CPU of each package
  std::vector<OnlineFile> online_files_;
  size_t cpus_ = 0;
};

// The numbers of a CPU list as the kernel writes it, "0-3,8"; none when it is malformed or beyond
// 65536.
std::vector<unsigned> ParseCpuList(std::string_view text);

}  // namespace slurmscope::agent
