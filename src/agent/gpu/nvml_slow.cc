#include <cmath>
#include <cstring>

#include "agent/gpu/nvml_reader.h"

// Values that rarely change: asked for every ten seconds at most.
namespace slurmscope::agent::gpu {
namespace {

constexpr uint64_t kMebibyte = 1048576;

double Mebibytes(uint64_t bytes) { return static_cast<double>(bytes / kMebibyte); }

}  // namespace

void NvmlReader::ReadSlow(Device& device) {
  ReadPcieAndLimits(device);
  ReadConstants(device);
  ReadLinkStates(device);
  ReadPeers(device);
  const auto at = [&](Call call) -> double& { return device.calls[static_cast<size_t>(call)]; };
  const auto need = [&](Call call) { return needed_[static_cast<size_t>(call)] && !device.lost; };
  at(Call::kBar1Total) = at(Call::kBar1Free) = at(Call::kBar1Used) = NAN;
  NvmlBar1Memory bar1{};
  const bool any_bar1 = need(Call::kBar1Total) || need(Call::kBar1Free) || need(Call::kBar1Used);
  if (any_bar1 && Note(device, nvml_->bar1(device.handle, &bar1))) {
    at(Call::kBar1Total) = Mebibytes(bar1.total);
    at(Call::kBar1Free) = Mebibytes(bar1.free);
    at(Call::kBar1Used) = Mebibytes(bar1.used);
  }
  uint32_t current = 0, pending = 0;
  at(Call::kMigMode) = at(Call::kEccMode) = at(Call::kEccPending) = NAN;
  if (need(Call::kMigMode) && Note(device, nvml_->mig_mode(device.handle, &current, &pending)))
    at(Call::kMigMode) = current;
  const bool any_ecc = need(Call::kEccMode) || need(Call::kEccPending);
  if (any_ecc && Note(device, nvml_->ecc_mode(device.handle, &current, &pending))) {
    at(Call::kEccMode) = current;
    at(Call::kEccPending) = pending;
  }
  if (need(Call::kVgpuLicense) && std::isnan(at(Call::kVgpuLicense))) {
    // isSupported, count, then the first feature: its code and its state.
    alignas(8) uint32_t features[1024] = {};
    const int result = nvml_->grid_features(device.handle, features);
    if (result == kNvmlOk || result == kNvmlNotSupported || result == kNvmlFunctionNotFound) {
      const bool licensed =
          result == kNvmlOk && features[0] != 0 && features[1] > 0 && features[3] > 0;
      at(Call::kVgpuLicense) = licensed ? 1 : 0;
    }
  }
}

void NvmlReader::ReadPcieAndLimits(Device& device) {
  const auto at = [&](Call call) -> double& { return device.calls[static_cast<size_t>(call)]; };
  const Nvml& nvml = *nvml_;
  const std::pair<Call, const Nvml::Number&> numbers[] = {
      {Call::kPcieGen, nvml.pcie_gen},         {Call::kPcieWidth, nvml.pcie_width},
      {Call::kFanSpeed, nvml.fan_speed},       {Call::kPersistence, nvml.persistence_mode},
      {Call::kComputeMode, nvml.compute_mode},
  };
  for (const auto& [call, function] : numbers) at(call) = Ask(device, call, function);
  at(Call::kPstate) = Ask(device, Call::kPstate, nvml.performance_state);
  if (at(Call::kPstate) > 15) at(Call::kPstate) = NAN;  // 32: unknown
  at(Call::kPowerLimit) = Ask(device, Call::kPowerLimit, nvml.power_limit) / 1000;
  at(Call::kEnforcedPowerLimit) =
      Ask(device, Call::kEnforcedPowerLimit, nvml.enforced_power_limit) / 1000;
}

// What stays as it is while the driver is open is asked for until there is an answer.
void NvmlReader::ReadConstants(Device& device) {
  const Nvml& nvml = *nvml_;
  const auto once = [&](Call call, const auto& function, auto... args) {
    double& value = device.calls[static_cast<size_t>(call)];
    if (std::isnan(value)) value = Ask(device, call, function, args...);
  };
  once(Call::kPcieMaxGen, nvml.pcie_max_gen);
  once(Call::kPcieMaxWidth, nvml.pcie_max_width);
  once(Call::kShutdownTemp, nvml.temperature_threshold, 0);
  once(Call::kSlowdownTemp, nvml.temperature_threshold, 1);
  once(Call::kMemMaxTemp, nvml.temperature_threshold, 2);
  once(Call::kGpuMaxTemp, nvml.temperature_threshold, 3);
  once(Call::kMaxSmClock, nvml.max_clock, 1);
  once(Call::kMaxMemClock, nvml.max_clock, 2);
  once(Call::kMaxVideoClock, nvml.max_clock, 3);
}

// The links that the GPU has are those that the driver gives a state for.
void NvmlReader::ReadLinkStates(Device& device) {
  const bool rates = !link_rates_.empty();
  if (device.lost || (!options_.links && !rates)) return;
  size_t count = 0;
  device.links.resize(kMaxLinks);
  for (uint32_t i = 0; i < kMaxLinks; ++i) {
    uint32_t active = 0;
    const int result = nvml_->nvlink_state(device.handle, i, &active);
    Note(device, result);
    if (result != kNvmlOk) break;
    LinkValues& link = device.links[i];
    link.active = active != 0;
    ++count;
    for (int kind = 0; kind < 4 && options_.links && link.active; ++kind) {
      unsigned long long errors = 0;
      const bool known = nvml_->nvlink_errors(device.handle, i, kind, &errors) == kNvmlOk;
      link.errors[static_cast<size_t>(kind)] = known ? static_cast<double>(errors) : NAN;
    }
  }
  device.links.resize(count);
}

// Whether there is NVLink to the other GPUs. A result that is no status is not about this GPU alone
// and says nothing of it.
void NvmlReader::ReadPeers(Device& device) {
  device.peers.clear();
  if (!peers_ || device.lost) return;
  for (const Device& other : devices_) {
    int status = -1;
    const bool asked =
        &other != &device && !other.lost &&
        nvml_->p2p_status(device.handle, other.handle, kNvmlP2pNvlink, &status) == kNvmlOk;
    device.peers.push_back(asked ? status : -1);
  }
}

}  // namespace slurmscope::agent::gpu
