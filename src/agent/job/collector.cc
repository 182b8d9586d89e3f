#include "agent/job/collector.h"

#include <chrono>
#include <cmath>

#include "agent/gpu/service.h"
#include "agent/job/gpu_jobs.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

using enum MetricType;

// Once the GPUs are read for a page of their own, this is a copy of what they said.
constexpr auto kGpuPatience = std::chrono::milliseconds(50);

const std::vector<std::string> kMemberLabels = {"jobid", "node", "step", "task"};
const std::vector<std::string> kGpuLabels = {"GPU_I_ID", "jobid",  "minor_number", "name",
                                             "ordinal",  "userid", "uuid"};

unsigned MinorOf(const gpu::GpuIdentity& gpu) {
  return gpu.minor >= 0 ? static_cast<unsigned>(gpu.minor) : gpu.index;
}

}  // namespace

JobCollector::JobCollector(const Machine& machine, std::unique_ptr<gpu::GpuJobs> mapping,
                           FamilySet& out)
    : machine_(machine),
      mapping_(std::move(mapping)),
      uid_(out.Get("cgroup_uid", "User id of the job's owner.", kGauge, {"jobid", "node"})),
      info_(
          out.Get("cgroup_info", "The job's owner.", kGauge, {"jobid", "node", "uid", "username"})),
      cpus_(out.Get("cgroup_cpus", "CPUs that may be used.", kGauge, kMemberLabels)),
      cpu_info_(out.Get("cgroup_cpu_info", "Which CPUs may be used.", kGauge,
                        {"cpus", "jobid", "node", "step", "task"})),
      error_(out.Get("cgroup_exporter_collect_error",
                     "Whether nothing could be read of this cgroup.", kGauge, kMemberLabels)),
      end_time_(out.Get("cgroup_end_time_seconds",
                        "When it ended, Unix time; its last values are shown for a while.", kGauge,
                        kMemberLabels)),
      dropped_(out.Get("slurmscope_agent_job_cgroups_dropped_total",
                       "Cgroups of jobs that were not kept because there were too many.",
                       kCounter)),
      watched_(out.Get("slurmscope_agent_job_watched",
                       "Whether the kernel tells of cgroups that come and go and of the end of "
                       "processes; 0: they are looked for every second.",
                       kGauge)),
      gpu_info_(out.Get("cgroup_gpu_info",
                        "The job has this GPU: its minor number (of /dev/nvidiaN), its number in "
                        "NVML's order, or its UUID.",
                        kGauge, {"jobid", "minor_number", "node", "ordinal", "uuid"})),
      gpu_job_(out.Get("nvidia_gpu_jobId", "Id of the job that has this GPU.", kGauge, kGpuLabels)),
      gpu_uid_(out.Get("nvidia_gpu_jobUid", "User id of the owner of the job that has this GPU.",
                       kGauge, kGpuLabels)),
      set_jobs_([this](const JobTable& table) { SetJobs(table); }) {
  const auto measures = Measures();
  for (size_t i = 0; i < usage_.size(); ++i) {
    usage_[i] = &out.Get(measures[i].name, measures[i].help, measures[i].type, kMemberLabels);
  }
}

Result<void> JobCollector::Update() {
  if (machine_.jobs == nullptr) return Fail(ErrorCode::kNotFound, "no cgroups");
  if (!machine_.jobs->Scrape(set_jobs_)) return Fail(ErrorCode::kNotFound, "no Slurm here");
  SetGpus();
  return {};
}

void JobCollector::SetJobs(const JobTable& table) {
  dropped_.Set(static_cast<double>(table.dropped()));
  const bool know_uids = mapping_ == nullptr || uids_version_ == table.version();
  if (!know_uids) uids_.clear();
  uids_version_ = table.version();
  // Where several slurmds share a machine, one job can have a part on each of them.
  const auto& jobs = table.jobs();
  const bool several = !jobs.empty() && jobs.begin()->first.first != jobs.rbegin()->first.first;
  for (const auto& [key, job] : jobs) {
    if (job.id.empty()) continue;
    if (!know_uids && job.uid) uids_[job.id] = *job.uid;
    const std::string_view node = several ? std::string_view(key.first) : kNoLabel;
    SetJob(node, job);
    for (const auto& [name, member] : job.members) {
      if (member.shown) SetMember(node, job, name.first, name.second, member);
    }
  }
}

void JobCollector::SetJob(std::string_view node, const Job& job) {
  if (mapping_ == nullptr) SetGpuInfo(node, job);
  if (!job.uid) return;
  uid_.Set({job.id, node}, *job.uid);
  const std::string* name = users_.Find(*job.uid);
  if (name == nullptr) return;
  uid_text_.clear();
  base::StrAppend(uid_text_, *job.uid);
  info_.Set({job.id, node, uid_text_, *name}, 1);
}

void JobCollector::SetGpuInfo(std::string_view node, const Job& job) {
  const auto text = [&](unsigned number) {
    uid_text_.clear();
    base::StrAppend(uid_text_, number);
    return std::string_view(uid_text_);
  };
  for (const unsigned minor : job.gpus.minors) {
    gpu_info_.Set({job.id, text(minor), node, kNoLabel, kNoLabel}, 1);
  }
  for (const unsigned place : job.gpus.places) {
    gpu_info_.Set({job.id, kNoLabel, node, text(place), kNoLabel}, 1);
  }
  for (const std::string& uuid : job.gpus.uuids) {
    gpu_info_.Set({job.id, kNoLabel, node, kNoLabel, uuid}, 1);
  }
}

void JobCollector::SetMember(std::string_view node, const Job& job, std::string_view step,
                             std::string_view task, const Member& member) {
  const std::string_view labels[] = {job.id, node, step, task};
  const auto set = [&](Family& family, double value) {
    if (!std::isnan(value)) family.Set(labels, std::size(labels), value);
  };
  const Usage& usage = member.cgroup.usage();
  for (size_t i = 0; i < usage.size(); ++i) set(*usage_[i], usage[i]);
  if (member.ended_ns == 0) {
    set(error_, member.cgroup.failed() ? 1 : 0);
  } else {
    set(end_time_, static_cast<double>(member.ended_ms) / 1000);
  }
  if (member.cgroup.cpu_count() == 0) return;
  set(cpus_, static_cast<double>(member.cgroup.cpu_count()));
  cpu_info_.Set({member.cgroup.cpus(), job.id, node, step, task}, 1);
}

void JobCollector::SetGpus() {
  const auto owners = machine_.jobs->gpu_owners();
  watched_.Set(machine_.jobs->watched() ? 1 : 0);
  if (machine_.gpu == nullptr || (owners->empty() && mapping_ == nullptr)) return;
  const auto snapshot = machine_.gpu->Get(kGpuPatience).snapshot;
  if (snapshot == nullptr) return;
  if (mapping_ != nullptr) mapping_->Update();
  for (const gpu::GpuEntity& gpu : snapshot->entities) {
    if (mapping_ != nullptr) {
      SetMappedGpu(gpu);
    } else {
      SetSeenGpu(gpu, *owners);
    }
  }
}

void JobCollector::SetSeenGpu(const gpu::GpuEntity& gpu, const GpuOwners& owners) {
  for (const GpuOwner& owner : owners) {
    if (Holds(owner.gpus, gpu)) SetOwner(gpu, owner.job, owner.uid);
  }
}

void JobCollector::SetMappedGpu(const gpu::GpuEntity& gpu) {
  for (const std::string& job : mapping_->JobsOf(gpu)) {
    const auto uid = uids_.find(job);
    SetOwner(gpu, job, uid == uids_.end() ? std::nullopt : std::optional(uid->second));
    if (gpu.instance) {
      gpu_info_.Set({job, kNoLabel, kNoLabel, kNoLabel, gpu.instance_uuid}, 1);
    } else {
      const std::string minor = base::StrCat(MinorOf(*gpu.identity));
      gpu_info_.Set({job, minor, kNoLabel, kNoLabel, kNoLabel}, 1);
    }
  }
}

void JobCollector::SetOwner(const gpu::GpuEntity& gpu, std::string_view job,
                            std::optional<uint32_t> uid) {
  const auto id = base::ParseInt<uint64_t>(job);
  if (!id) return;  // a mapping may name anything
  const gpu::GpuIdentity& its = *gpu.identity;
  const std::string minor = base::StrCat(MinorOf(its));
  const std::string uid_text = uid ? base::StrCat(*uid) : "";
  const std::initializer_list<std::string_view> labels = {
      gpu.instance_text,
      job,
      minor,
      its.model,
      its.gpu,
      uid_text,
      gpu.instance ? gpu.instance_uuid : its.uuid};
  gpu_job_.Set(labels, static_cast<double>(*id));
  if (uid) gpu_uid_.Set(labels, *uid);
}

}  // namespace slurmscope::agent::job
