#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector.h"
#include "agent/gpu/job_map.h"
#include "agent/job/user_names.h"
#include "agent/job/watch.h"

namespace slurmscope::agent::job {

// Usage of jobs, steps and tasks under the names of the cgroup_exporter of jobstats, and which job
// has which GPU under those of its nvidia_gpu_prometheus_exporter.
class JobCollector final : public Collector {
 public:
  // `machine` outlives the collector; its jobs are null where there are no cgroups. `mapping` says
  // which jobs have which GPUs; null: what was seen does.
  JobCollector(const Machine& machine, std::unique_ptr<gpu::GpuJobs> mapping, FamilySet& out);

  Result<void> Update() override;

 private:
  void SetJobs(const JobTable& table);
  void SetJob(std::string_view node, const Job& job);
  void SetMember(std::string_view node, const Job& job, std::string_view step,
                 std::string_view task, const Member& member);
  void SetGpuInfo(std::string_view node, const Job& job);
  void SetGpus();
  void SetSeenGpu(const gpu::GpuEntity& gpu, const GpuOwners& owners);
  void SetMappedGpu(const gpu::GpuEntity& gpu);
  void SetOwner(const gpu::GpuEntity& gpu, std::string_view job, std::optional<uint32_t> uid);

  const Machine& machine_;
  const std::unique_ptr<gpu::GpuJobs> mapping_;
  std::array<Family*, static_cast<size_t>(Measure::kCount)> usage_{};
  Family& uid_;
  Family& info_;
  Family& cpus_;
  Family& cpu_info_;
  Family& error_;
  Family& end_time_;
  Family& dropped_;
  Family& watched_;
  Family& gpu_info_;
  Family& gpu_job_;
  Family& gpu_uid_;
  UserNames users_;
  std::map<std::string, uint32_t, std::less<>> uids_;  // by job, for the mapping
  uint64_t uids_version_ = 0;
  std::string uid_text_;
  std::function<void(const JobTable&)> set_jobs_;
};

}  // namespace slurmscope::agent::job
