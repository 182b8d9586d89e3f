#include "agent/job/gpu_jobs.h"

#include <algorithm>

namespace slurmscope::agent::job {

namespace {

template <typename T>
bool Has(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool Holds(const GpuList& list, const gpu::GpuEntity& gpu) {
  const gpu::GpuIdentity& identity = *gpu.identity;
  if (Has(list.uuids, gpu.instance ? gpu.instance_uuid : identity.uuid)) return true;
  if (gpu.partitioned) return false;
  if (Has(list.places, gpu.place)) return true;
  const int minor = identity.minor;
  return !gpu.instance &&
         Has(list.minors, minor >= 0 ? static_cast<unsigned>(minor) : identity.index);
}

void SeenGpuJobs::Update() {
  auto owners = watch_->gpu_owners();
  if (owners == owners_) return;
  owners_ = std::move(owners);
  jobs_.clear();
}

const std::vector<std::string>& SeenGpuJobs::JobsOf(const gpu::GpuEntity& entity) const {
  static const std::vector<std::string> none;
  if (owners_ == nullptr) return none;
  const int64_t instance = entity.instance ? int64_t{entity.instance_id} : int64_t{-1};
  const auto [at, fresh] = jobs_.try_emplace({entity.identity->index, instance});
  if (!fresh) return at->second;
  for (const GpuOwner& owner : *owners_) {
    if (owner.alive && Holds(owner.gpus, entity)) at->second.push_back(owner.job);
  }
  return at->second;
}

}  // namespace slurmscope::agent::job
