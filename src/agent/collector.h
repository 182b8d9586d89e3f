#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/family.h"
#include "agent/flags.h"
#include "agent/proc_file.h"
#include "base/clock.h"
#include "base/result.h"

namespace slurmscope::agent {

namespace gpu {
class GpuService;
}
namespace job {
class JobWatch;
}

using base::ErrorCode;
using base::Fail;
using base::Result;

// Where the machine's files are; tests and containers put them elsewhere. No trailing slash, but
// for "/".
struct Roots {
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  std::string rootfs = "/";
  std::string udev_data = "/run/udev/data";
};

// HELP of slurmscope_agent_collector_stuck, by collector and what it was reading.
inline constexpr std::string_view kStuckHelp =
    "Whether a collector is held by the kernel beyond its deadline.";

// What collectors of one agent share. Outlives them.
struct Machine {
  Roots roots;
  const base::Clock& clock;
  // /proc/stat is dear on large machines and wanted by cpu and stat: read once a scrape.
  std::shared_ptr<SharedProcFile> proc_stat;
  // Null where there are no GPUs of NVIDIA.
  std::shared_ptr<gpu::GpuService> gpu = nullptr;
  // Null where there are no cgroups, or nobody wants to know of jobs.
  std::shared_ptr<job::JobWatch> jobs = nullptr;
};

// One source of metrics. Made once, updated once a scrape by one thread at a time (not always the
// same one). It makes its families from the constructor on, and only sets samples in Update.
class Collector {
 public:
  virtual ~Collector() = default;

  // Reads the source and sets the samples of this scrape. What was set before an error still
  // counts. An error means node_scrape_collector_success 0; kNotFound says that this machine has no
  // such thing, which is no trouble.
  virtual Result<void> Update() = 0;
};

// How a collector is known, switched and made.
struct CollectorSpec {
  std::string_view name;
  bool default_on;
  std::span<const FlagSpec> flags;
  std::string_view summary;
  // nullptr: node_exporter has it, this version does not; its flags are taken with a warning.
  Result<std::unique_ptr<Collector>> (*make)(const Machine&, const FlagValues&, FamilySet&);
  // Not updated more often than this: the samples before are given again. For sources that the
  // hardware is slow to answer.
  int64_t period_ms = 0;
};

// Whether every Linux has what the collector reads, so that its absence is trouble and not the way
// this machine is.
bool IsOnEveryMachine(std::string_view collector);

// Whether an Update that found its source and set nothing has read garbage: no machine and no flag
// leaves it nothing to say.
bool AlwaysHasSomething(std::string_view collector);

// All collectors of node_exporter 1.12, by name.
std::span<const CollectorSpec> AllCollectors();
const CollectorSpec* FindCollector(std::string_view name);

// Whether `spec` is on after --collector.NAME, --no-collector.NAME and
// --collector.disable-defaults.
bool IsEnabled(const CollectorSpec& spec, const FlagValues& flags);

}  // namespace slurmscope::agent
