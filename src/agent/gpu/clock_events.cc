#include <algorithm>
#include <cmath>

#include "agent/gpu/collector.h"

// Why the clocks of a GPU are below their maximum.
namespace slurmscope::agent::gpu {
namespace {

constexpr size_t kMaxSamples = 4096;

struct Reason {
  uint64_t bit;
  std::string_view name;   // ours
  std::string_view event;  // dcgm-exporter's
};

// NVML's bits: https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
constexpr Reason kReasons[] = {
    {0x1, "gpu_idle", "gpu_idle"},
    {0x2, "applications_clocks_setting", "clocks_setting"},
    {0x4, "sw_power_cap", "power_cap"},
    {0x8, "hw_slowdown", "hw_slowdown"},
    {0x10, "sync_boost", "sync_boost"},
    {0x20, "sw_thermal_slowdown", "sw_thermal"},
    {0x40, "hw_thermal_slowdown", "hw_thermal"},
    {0x80, "hw_power_brake_slowdown", "hw_power_brake"},
    {0x100, "display_clocks_setting", "display_clocks"},
};

}  // namespace

void GpuCollector::SetOwn(const GpuEntity& entity) {
  Emit(*own_.lost, entity.lost ? 1 : 0);
  SetXids(entity);
  if (entity.lost) return;
  if (entity.partitioned) Emit(*own_.instances, static_cast<double>(entity.instances));
  if (!std::isnan(entity.clock_reasons)) {
    const auto mask = static_cast<uint64_t>(entity.clock_reasons);
    for (const Reason& reason : kReasons) {
      Emit(*own_.throttle, (mask & reason.bit) != 0 ? 1 : 0, {reason.name});
    }
  }
  SetLinks(entity);
  SetProcesses(entity);
}

void GpuCollector::KeepClockSample(const GpuEntity& entity) {
  if (std::isnan(entity.clock_reasons)) return;
  auto& samples = clock_samples_[entity.identity->uuid];
  const int64_t now = clock_.NowMs();
  samples.push_back({now, static_cast<uint64_t>(entity.clock_reasons)});
  while (samples.size() > kMaxSamples || samples.front().ms < now - options_.clock_window_ms) {
    samples.pop_front();
  }
}

// The number of readings in the window at which the reason was there.
void GpuCollector::SetClockEvents(Family& family, const GpuEntity& entity) {
  const auto at = clock_samples_.find(entity.identity->uuid);
  if (at == clock_samples_.end()) return;
  bool any = false;
  for (const Reason& reason : kReasons) {
    const auto count =
        std::count_if(at->second.begin(), at->second.end(),
                      [&](const ClockSample& s) { return (s.reasons & reason.bit) != 0; });
    if (count == 0) continue;
    any = true;
    Emit(family, static_cast<double>(count), {reason.event, clock_window_});
  }
  if (!any) Emit(family, 0, {kNoLabel, clock_window_});
}

}  // namespace slurmscope::agent::gpu
