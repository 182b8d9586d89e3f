#include <algorithm>

#include "agent/gpu/nvml_reader.h"

// Who computes on a GPU.
namespace slurmscope::agent::gpu {
namespace {

constexpr size_t kMaxProcesses = 1024;

}  // namespace

// Of a partitioned GPU the driver tells all together to root only, but those of an instance to
// everybody.
void NvmlReader::ReadProcesses(Device& device) {
  device.processes.clear();
  device.has_processes = false;
  if (device.lost) return;
  if (!device.partitioned || device.instances.empty()) {
    device.has_processes =
        !device.no_processes && ProcessesOf(device, device.handle, device.processes);
    return;
  }
  for (Instance& instance : device.instances)
    instance.has_processes = ProcessesOf(device, instance.handle, instance.processes);
}

// False when the driver does not say.
bool NvmlReader::ProcessesOf(Device& device, NvmlDevice handle, std::vector<GpuProcess>& out) {
  out.clear();
  process_buffer_.resize(std::max<size_t>(process_buffer_.size(), 64));
  auto count = static_cast<uint32_t>(process_buffer_.size());
  int result = nvml_->processes(handle, &count, process_buffer_.data());
  if (result == kNvmlInsufficientSize && count <= kMaxProcesses) {
    process_buffer_.resize(count + 16);
    count = static_cast<uint32_t>(process_buffer_.size());
    result = nvml_->processes(handle, &count, process_buffer_.data());
  }
  if (result == kNvmlNotSupported) device.no_processes = handle == device.handle;
  if (!Note(device, result)) return false;
  for (size_t i = 0; i < std::min<size_t>(count, process_buffer_.size()); ++i) {
    const NvmlProcess& process = process_buffer_[i];
    const bool known = process.used_memory != ~uint64_t{0};
    out.push_back({process.pid, known ? static_cast<double>(process.used_memory) : NAN});
  }
  return true;
}

}  // namespace slurmscope::agent::gpu
