#pragma once

#include <dirent.h>

#include <memory>

#include "agent/family.h"
#include "agent/proc_file.h"

namespace slurmscope::agent {

// process_* metrics of this program, from the real /proc. Names as client libraries have them:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics. Not thread-safe.
class SelfMetrics {
 public:
  SelfMetrics();
  // Sets what can be read; the rest is left out.
  void Update();
  FamilySet& families() { return families_; }

 private:
  struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  void UpdateStat();
  void UpdateFds();

  FamilySet families_;
  Family& cpu_;
  Family& max_fds_;
  Family& received_;
  Family& transmitted_;
  Family& open_fds_;
  Family& resident_;
  Family& start_;
  Family& virtual_;
  Family& virtual_max_;
  ProcFile stat_{"/proc/self/stat"};
  ProcFile netstat_{"/proc/self/net/netstat"};
  std::unique_ptr<DIR, CloseDir> fds_;
  double boot_seconds_ = 0;
};

}  // namespace slurmscope::agent
