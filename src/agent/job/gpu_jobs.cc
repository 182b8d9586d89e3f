#include "agent/job/gpu_jobs.h"

#include <algorithm>

namespace slurmscope::agent::job {

bool Holds(const GpuList& list, const gpu::GpuIdentity& gpu) {
  const unsigned minor = gpu.minor >= 0 ? static_cast<unsigned>(gpu.minor) : gpu.index;
  return std::find(list.minors.begin(), list.minors.end(), minor) != list.minors.end() ||
         std::find(list.uuids.begin(), list.uuids.end(), gpu.uuid) != list.uuids.end();
}

void SeenGpuJobs::Update() {
  auto owners = watch_->gpu_owners();
  if (owners == owners_) return;
  owners_ = std::move(owners);
  jobs_.clear();
}

const std::vector<std::string>& SeenGpuJobs::JobsOf(const gpu::GpuEntity& entity) const {
  static const std::vector<std::string> none;
  if (entity.instance || owners_ == nullptr) return none;
  const auto [at, fresh] = jobs_.try_emplace(entity.identity->index);
  if (!fresh) return at->second;
  for (const GpuOwner& owner : *owners_) {
    if (owner.alive && Holds(owner.gpus, *entity.identity)) at->second.push_back(owner.job);
  }
  return at->second;
}

}  // namespace slurmscope::agent::job
