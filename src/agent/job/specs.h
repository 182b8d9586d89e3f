#pragma once

#include <memory>
#include <span>

#include "agent/collector.h"
#include "agent/job/watch.h"

namespace slurmscope::agent::job {

// Flags that are not the collector's.
std::span<const FlagSpec> JobFlags();

// "slurm_job", on by default; on the node page, and on a page of its own (--job.listen-address).
std::span<const CollectorSpec> JobCollectors();

// Starts to follow jobs where there are cgroups; null elsewhere. Fails on a bad flag.
Result<std::shared_ptr<JobWatch>> StartJobWatch(const Roots& roots, const FlagValues& flags,
                                                const base::Clock& clock);

}  // namespace slurmscope::agent::job
