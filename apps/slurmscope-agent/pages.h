#pragma once

#include <memory>

#include "agent/collector.h"
#include "agent/flags.h"
#include "base/result.h"
#include "http/access.h"
#include "page.h"

namespace slurmscope {

// What the pages share.
struct PageContext {
  std::shared_ptr<const agent::Machine> machine;
  const agent::FlagValues& flags;
  std::shared_ptr<http::Access> access;  // null: everyone
};

// node_exporter's page, of the machine; nullptr when it has no address.
base::Result<std::unique_ptr<Page>> StartNodePage(const PageContext& context);

// dcgm-exporter's page, of the GPUs; nullptr where there is no GPU and nobody asked for the page.
// An address that was not asked for may be taken by another: then there is a warning and no page.
base::Result<std::unique_ptr<Page>> StartGpuPage(const PageContext& context);

// The page with the metrics of jobs alone; nullptr when nobody asked for it.
base::Result<std::unique_ptr<Page>> StartJobPage(const PageContext& context);

// Starts to read the GPUs when the machine has some, or when they were asked for.
base::Result<std::shared_ptr<agent::gpu::GpuService>> StartGpus(const agent::Roots& roots,
                                                                const agent::FlagValues& flags);

// Starts to follow Slurm's jobs, when some page or the GPUs' label hpc_job needs them and there are
// cgroups.
base::Result<std::shared_ptr<agent::job::JobWatch>> StartJobs(const agent::Roots& roots,
                                                              const agent::FlagValues& flags,
                                                              bool has_gpus);

}  // namespace slurmscope
