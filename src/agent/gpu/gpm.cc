#include "agent/gpu/gpm.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace slurmscope::agent::gpu {
namespace {

constexpr int64_t kShortestNs = 100'000'000;
constexpr uint32_t kGpmVersion = 1;

}  // namespace

GpmSampler::GpmSampler(const Nvml& nvml, NvmlDevice device, uint32_t instance)
    : nvml_(nvml), device_(device), instance_(instance) {
  NvmlGpmSupport support{kGpmVersion, 0};
  if (nvml_.gpm_support(device_, &support) != kNvmlOk || support.supported == 0) return;
  usable_ =
      nvml_.gpm_sample_alloc(&older_) == kNvmlOk && nvml_.gpm_sample_alloc(&newer_) == kNvmlOk;
}

GpmSampler::~GpmSampler() {
  for (const NvmlGpmSample sample : {older_, newer_}) {
    if (sample != nullptr) nvml_.gpm_sample_free(sample);
  }
}

void GpmSampler::Restart() {
  has_newer_ = false;
  std::fill(values_.begin(), values_.end(), NAN);
}

int GpmSampler::Take(NvmlGpmSample into) {
  if (instance_ == kNvmlNoInstance) return nvml_.gpm_sample(device_, into);
  return nvml_.gpm_mig_sample(device_, instance_, into);
}

int GpmSampler::Sample(const std::vector<uint32_t>& metrics, int64_t now_ns,
                       NvmlGpmMetricsGet& buffer) {
  if (values_.size() != metrics.size()) values_.assign(metrics.size(), NAN);
  if (!usable_ || metrics.empty()) return kNvmlNotSupported;
  if (has_newer_ && now_ns - taken_ns_ < kShortestNs) return kNvmlOk;
  std::fill(values_.begin(), values_.end(), NAN);
  const int taken = Take(older_);
  if (taken != kNvmlOk) {
    has_newer_ = false;
    // A GPU instance that has no compute instance yet has no sample either.
    if (taken == kNvmlNotSupported && instance_ == kNvmlNoInstance) usable_ = false;
    if (taken == kNvmlNoPermission || taken == kNvmlFunctionNotFound) usable_ = false;
    return taken;
  }
  std::swap(older_, newer_);
  taken_ns_ = now_ns;
  if (!std::exchange(has_newer_, true)) return kNvmlOk;
  return Compare(metrics, buffer);
}

int GpmSampler::Compare(const std::vector<uint32_t>& metrics, NvmlGpmMetricsGet& buffer) {
  const size_t n = std::min(metrics.size(), kNvmlGpmMetrics);
  buffer.version = kGpmVersion;
  buffer.count = static_cast<uint32_t>(n);
  buffer.first = older_;
  buffer.second = newer_;
  for (size_t i = 0; i < n; ++i) buffer.metrics[i] = {metrics[i], kNvmlNotSupported, NAN, {}};
  const int result = nvml_.gpm_metrics(&buffer);
  if (result != kNvmlOk) return result;
  for (size_t i = 0; i < n; ++i) {
    const NvmlGpmMetric& metric = buffer.metrics[i];
    if (metric.result == kNvmlOk && std::isfinite(metric.value)) values_[i] = metric.value;
  }
  return kNvmlOk;
}

}  // namespace slurmscope::agent::gpu
