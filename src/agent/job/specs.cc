#include "agent/job/specs.h"

#include <sys/resource.h>

#include "agent/job/collector.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

using base::StrCat;
using enum FlagKind;

constexpr FlagSpec kJobFlags[] = {
    {"job.listen-address", kStrings, "",
     "Address of a page with the metrics of jobs alone, e.g. :9306 as cgroup_exporter has it; may "
     "be given again."},
};

constexpr FlagSpec kCollectorFlags[] = {
    {"collector.slurm_job.detail", kString, "task",
     "How far down: job, step or task. jobstats needs job."},
    {"collector.slurm_job.cgroup-root", kString, "",
     "Where cgroups are mounted; by default fs/cgroup in --path.sysfs."},
    {"collector.slurm_job.keep", kDuration, "1m",
     "For how long the last values of what has ended are given; ten times as long until a scrape "
     "has got them."},
    {"collector.slurm_job.gpu-numbers", kString, "minor",
     "What Slurm's numbers of GPUs are: minor (numbers of /dev/nvidiaN, as with all of them in "
     "gres.conf), nvml (its order, as with AutoDetect=nvml), or the minor numbers in the order of "
     "gres.conf, like 4-7."},
    {"collector.slurm_job.max-cgroups", kInt, "4096", "Jobs, steps and tasks kept at a time."},
};

Result<Level> ParseDetail(std::string_view text) {
  if (text == "job") return Level::kJob;
  if (text == "step") return Level::kStep;
  if (text == "task") return Level::kTask;
  return Fail(ErrorCode::kInvalidArgument, StrCat("--collector.slurm_job.detail ",
                                                  base::Quote(text), ": want job, step or task"));
}

Result<std::unique_ptr<Collector>> Make(const Machine& machine, const FlagValues& flags,
                                        FamilySet& out) {
  std::unique_ptr<gpu::GpuJobs> mapping;
  if (std::string directory = flags.String("hpc-job-mapping-dir"); !directory.empty()) {
    mapping = std::make_unique<gpu::JobDirectory>(std::move(directory));
  }
  return std::make_unique<JobCollector>(machine, std::move(mapping), out);
}

constexpr CollectorSpec kCollectors[] = {
    {"slurm_job", true, kCollectorFlags, "CPU, memory, I/O and GPUs of Slurm's jobs, by cgroup.",
     Make},
};

}  // namespace

std::span<const FlagSpec> JobFlags() { return kJobFlags; }
std::span<const CollectorSpec> JobCollectors() { return kCollectors; }

Result<std::shared_ptr<JobWatch>> StartJobWatch(const Roots& roots, const FlagValues& flags,
                                                const base::Clock& clock) {
  JobWatchOptions options;
  options.cgroup_root = flags.String("collector.slurm_job.cgroup-root");
  if (options.cgroup_root.empty()) options.cgroup_root = roots.sysfs + "/fs/cgroup";
  options.table.procfs = roots.procfs;
  options.table.detail = TRY(ParseDetail(flags.String("collector.slurm_job.detail")));
  options.table.keep_ms = TRY(flags.DurationNs("collector.slurm_job.keep")) / 1'000'000;
  options.table.gpu_numbers =
      TRY_CONTEXT(GpuNumbering::Parse(flags.String("collector.slurm_job.gpu-numbers")),
                  "--collector.slurm_job.gpu-numbers");
  const int64_t most = TRY(flags.Int("collector.slurm_job.max-cgroups"));
  constexpr int64_t kMost = 65536;
  if (options.table.keep_ms < 0 || most < 1 || most > kMost) {
    return Fail(ErrorCode::kInvalidArgument,
                "--collector.slurm_job: keep is not negative, max-cgroups 1 to 65536");
  }
  options.table.most_cgroups = static_cast<size_t>(most);
  // Half of the descriptors are for files that stay open; the pages need some, too.
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    options.table.most_followed = static_cast<size_t>(limit.rlim_cur / 4);
  }
  return std::shared_ptr<JobWatch>(JobWatch::Start(options, clock));
}

}  // namespace slurmscope::agent::job
