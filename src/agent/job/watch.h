#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/job/processes.h"
#include "agent/job/table.h"
#include "base/clock.h"
#include "base/result.h"

namespace slurmscope::agent::job {

struct JobWatchOptions {
  std::string cgroup_root = "/sys/fs/cgroup";
  JobTableOptions table;
};

// A job of this node that has GPUs.
struct GpuOwner {
  std::string job;
  std::optional<uint32_t> uid;
  GpuList gpus;
  bool alive = true;  // false: it ended before it was in any page
};
using GpuOwners = std::vector<GpuOwner>;

// Keeps a JobTable true on a thread of its own, which sleeps until cgroups come or go or a job's
// process ends. Thread-safe.
class JobWatch {
 public:
  // Null where there are no cgroups. `clock` outlives the process' threads.
  static std::unique_ptr<JobWatch> Start(const JobWatchOptions& options, const base::Clock& clock);
  // Leaves a thread behind that hangs in the kernel.
  ~JobWatch();

  // Reads all that lives and calls `use` with the jobs, which counts as a page served. False when
  // Slurm has no cgroups here. Waits for a read that hangs.
  bool Scrape(const std::function<void(const JobTable&)>& use);

  // Whether the kernel tells of all cgroups and ends of processes; otherwise they are looked for
  // every second.
  bool watched() const;
  // Does not wait for reads.
  std::shared_ptr<const GpuOwners> gpu_owners() const;

 private:
  struct Shared;
  explicit JobWatch(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

}  // namespace slurmscope::agent::job
