#pragma once

#include <memory>
#include <span>

#include "agent/collector.h"
#include "agent/gpu/service.h"

namespace slurmscope::agent::gpu {

// Flags of all GPU collectors, whichever page they are on.
std::span<const FlagSpec> GpuFlags();

// The collectors of the GPU page (:9400), all on.
std::span<const CollectorSpec> GpuPageCollectors();
// The same for the node page, off by default: they wait for a slow driver for a moment only.
std::span<const CollectorSpec> NodePageGpuCollectors();

// Whether this machine has a GPU of NVIDIA or AMD, driver or not, by its PCI devices.
bool HasGpu(const Roots& roots);

// The service by its flags. Fails on a bad flag or counters file.
Result<std::unique_ptr<GpuService>> StartGpuService(const Roots& roots, const FlagValues& flags,
                                                    const base::Clock& clock);

}  // namespace slurmscope::agent::gpu
