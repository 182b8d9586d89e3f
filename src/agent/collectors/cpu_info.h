#pragma once

#include <memory>
#include <string>

#include "agent/family.h"
#include "agent/pattern.h"
#include "agent/proc_file.h"

namespace slurmscope::agent {

// /proc/cpuinfo of x86 and others with "processor" blocks: node_cpu_info, and flags and bugs of the
// first core when asked. Not thread-safe.
class CpuInfo {
 public:
  struct Options {
    std::unique_ptr<Pattern> flags;  // which to show; nullptr: none
    std::unique_ptr<Pattern> bugs;
    bool frequency = false;  // also node_cpu_frequency_hertz, when no cpufreq collector gives it
  };
  CpuInfo(std::string path, Options options, FamilySet& out);

  Result<void> Update();

 private:
  struct Block;
  void SetBlock(const Block& block, bool first);

  ProcFile file_;
  Options options_;
  Family& info_;
  Family* frequency_ = nullptr;
  Family* flag_info_ = nullptr;
  Family* bug_info_ = nullptr;
};

}  // namespace slurmscope::agent
