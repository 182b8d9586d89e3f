#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/gpu/job_map.h"
#include "agent/job/watch.h"

namespace slurmscope::agent::job {

// Whether a GPU or instance is in the list: by UUID, by its place, or by minor number (by index
// where that is unknown), which says nothing of instances and of GPUs that have some.
bool Holds(const GpuList& list, const gpu::GpuEntity& gpu);

// The jobs of GPUs as seen on this node.
class SeenGpuJobs final : public gpu::GpuJobs {
 public:
  explicit SeenGpuJobs(std::shared_ptr<JobWatch> watch) : watch_(std::move(watch)) {}

  void Update() override;
  const std::vector<std::string>& JobsOf(const gpu::GpuEntity& entity) const override;

 private:
  const std::shared_ptr<JobWatch> watch_;
  std::shared_ptr<const GpuOwners> owners_;
  // By index and instance (-1: the GPU itself), of those asked for.
  mutable std::map<std::pair<unsigned, int64_t>, std::vector<std::string>> jobs_;
};

}  // namespace slurmscope::agent::job
