#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/gpu/job_map.h"
#include "agent/job/watch.h"

namespace slurmscope::agent::job {

// Whether these are a job's GPUs: by minor number (by index where that is unknown) or UUID.
bool Holds(const GpuList& list, const gpu::GpuIdentity& gpu);

// The jobs of GPUs as seen on this node. Instances of partitioned GPUs (MIG) have none: Slurm names
// them by numbers of its own.
class SeenGpuJobs final : public gpu::GpuJobs {
 public:
  explicit SeenGpuJobs(std::shared_ptr<JobWatch> watch) : watch_(std::move(watch)) {}

  void Update() override;
  const std::vector<std::string>& JobsOf(const gpu::GpuEntity& entity) const override;

 private:
  const std::shared_ptr<JobWatch> watch_;
  std::shared_ptr<const GpuOwners> owners_;
  mutable std::map<unsigned, std::vector<std::string>> jobs_;  // by index, of those asked for
};

}  // namespace slurmscope::agent::job
