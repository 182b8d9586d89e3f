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

double ToNumber(std::string_view id) {
  return static_cast<double>(base::ParseInt<uint64_t>(id).value_or(0));
}

}  // namespace

JobCollector::JobCollector(const Machine& machine, FamilySet& out)
    : machine_(machine),
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
      gpu_info_(out.Get("cgroup_gpu_info",
                        "The job has this GPU: its minor number (of /dev/nvidiaN) or UUID.", kGauge,
                        {"jobid", "minor_number", "node", "uuid"})),
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
  // Where several slurmds share a machine, one job can have a part on each of them.
  const auto& jobs = table.jobs();
  const bool several = !jobs.empty() && jobs.begin()->first.first != jobs.rbegin()->first.first;
  for (const auto& [key, job] : jobs) {
    if (job.id.empty()) continue;
    const std::string_view node = several ? std::string_view(key.first) : kNoLabel;
    SetJob(node, job);
    for (const auto& [name, member] : job.members) {
      SetMember(node, job, name.first, name.second, member);
    }
  }
}

void JobCollector::SetJob(std::string_view node, const Job& job) {
  for (const unsigned minor : job.gpus.minors) {
    uid_text_.clear();
    base::StrAppend(uid_text_, minor);
    gpu_info_.Set({job.id, uid_text_, node, kNoLabel}, 1);
  }
  for (const std::string& uuid : job.gpus.uuids) gpu_info_.Set({job.id, kNoLabel, node, uuid}, 1);
  if (!job.uid) return;
  uid_.Set({job.id, node}, *job.uid);
  const std::string* name = users_.Find(*job.uid);
  if (name == nullptr) return;
  uid_text_.clear();
  base::StrAppend(uid_text_, *job.uid);
  info_.Set({job.id, node, uid_text_, *name}, 1);
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
  if (owners->empty() || machine_.gpu == nullptr) return;
  const auto snapshot = machine_.gpu->Get(kGpuPatience).snapshot;
  if (snapshot == nullptr) return;
  for (const gpu::GpuEntity& entity : snapshot->entities) {
    // Slurm's lists name whole GPUs; which job has which instance, they do not say.
    if (entity.instance) continue;
    const gpu::GpuIdentity& gpu = *entity.identity;
    const unsigned minor = gpu.minor >= 0 ? static_cast<unsigned>(gpu.minor) : gpu.index;
    const std::string minor_text = base::StrCat(minor);
    for (const GpuOwner& owner : *owners) {
      if (!Holds(owner.gpus, gpu)) continue;
      const std::string uid = owner.uid ? base::StrCat(*owner.uid) : "";
      const std::initializer_list<std::string_view> labels = {
          "", owner.job, minor_text, gpu.model, gpu.gpu, uid, gpu.uuid};
      gpu_job_.Set(labels, ToNumber(owner.job));
      if (owner.uid) gpu_uid_.Set(labels, *owner.uid);
    }
  }
}

}  // namespace slurmscope::agent::job
