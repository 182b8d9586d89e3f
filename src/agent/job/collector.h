#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector.h"
#include "agent/job/user_names.h"
#include "agent/job/watch.h"

namespace slurmscope::agent::job {

// Usage of jobs, steps and tasks under the names of the cgroup_exporter of jobstats, and which job
// has which GPU under those of its nvidia_gpu_prometheus_exporter.
class JobCollector final : public Collector {
 public:
  // `machine` outlives the collector; its jobs are null where there are no cgroups.
  JobCollector(const Machine& machine, FamilySet& out);

  Result<void> Update() override;

 private:
  void SetJobs(const JobTable& table);
  void SetJob(std::string_view node, const Job& job);
  void SetMember(std::string_view node, const Job& job, std::string_view step,
                 std::string_view task, const Member& member);
  void SetGpus();

  const Machine& machine_;
  std::array<Family*, static_cast<size_t>(Measure::kCount)> usage_{};
  Family& uid_;
  Family& info_;
  Family& cpus_;
  Family& cpu_info_;
  Family& error_;
  Family& end_time_;
  Family& dropped_;
  Family& gpu_info_;
  Family& gpu_job_;
  Family& gpu_uid_;
  UserNames users_;
  std::string uid_text_;
  std::function<void(const JobTable&)> set_jobs_;
};

}  // namespace slurmscope::agent::job
