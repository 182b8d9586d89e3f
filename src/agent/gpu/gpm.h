#pragma once

#include <cstdint>
#include <vector>

#include "agent/gpu/nvml.h"

namespace slurmscope::agent::gpu {

// Profiling of one GPU or GPU instance by GPM (Hopper and later): averages between two samples that
// the driver keeps. Does not lock profilers out. Not thread-safe.
class GpmSampler {
 public:
  // `device` is the GPU; `instance` kNvmlNoInstance for all of it. Both samples are allocated here.
  GpmSampler(const Nvml& nvml, NvmlDevice device, uint32_t instance);
  ~GpmSampler();
  GpmSampler(const GpmSampler&) = delete;
  GpmSampler& operator=(const GpmSampler&) = delete;

  // Takes a sample and sets `values()` to the metrics' averages since the one before; NaN where
  // there is none (the first time, or the GPU cannot). Within 100 ms of the last one the values
  // stay. Returns NVML's result. `buffer` is for this call only.
  int Sample(const std::vector<uint32_t>& metrics, int64_t now_ns, NvmlGpmMetricsGet& buffer);
  const std::vector<double>& values() const { return values_; }
  // Forgets the last sample: what comes next is averaged from then on.
  void Restart();

 private:
  int Take(NvmlGpmSample into);
  int Compare(const std::vector<uint32_t>& metrics, NvmlGpmMetricsGet& buffer);

  const Nvml& nvml_;
  const NvmlDevice device_;
  const uint32_t instance_;
  NvmlGpmSample older_ = nullptr;
  NvmlGpmSample newer_ = nullptr;
  bool usable_ = false;
  bool has_newer_ = false;
  int64_t taken_ns_ = 0;
  std::vector<double> values_;
};

}  // namespace slurmscope::agent::gpu
