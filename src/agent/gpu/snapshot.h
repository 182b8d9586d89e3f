#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/gpu/fields.h"

namespace slurmscope::agent::gpu {

// Domain, bus and device of a PCI address as one number.
using PciKey = uint64_t;
inline constexpr PciKey kNoPci = ~PciKey{0};
// From "00000000:1A:00.0", "0000:1a:00"; kNoPci for anything else.
PciKey ParsePciAddress(std::string_view text);

// What does not change about a GPU while the driver is loaded.
struct GpuIdentity {
  unsigned index = 0;  // NVML's order
  std::string gpu;     // the index as text
  std::string device;  // "nvidia0"
  std::string uuid;
  std::string bus_id;
  std::string model;
  PciKey pci = kNoPci;
  int minor = -1;  // of /dev/nvidiaN
  std::array<std::string, static_cast<size_t>(Label::kCount)> labels;
};

// NVLink counters of one link; NaN where the driver gives none.
struct LinkValues {
  bool active = false;
  double transmit_bytes = NAN;
  double receive_bytes = NAN;
  std::array<double, 4> errors{NAN, NAN, NAN, NAN};  // replay, recovery, flit CRC, data CRC
};

struct GpuProcess {
  uint32_t pid = 0;
  double memory_bytes = NAN;
};

// A GPU, or an instance of one (MIG), and its values of one reading.
struct GpuEntity {
  std::shared_ptr<const GpuIdentity> identity;
  bool lost = false;  // fell off the bus: nothing else is known
  std::string lost_reason;
  // In NVML's order, in which an instance counts as a GPU and one that has instances does not: as
  // Slurm's AutoDetect=nvml numbers them.
  unsigned place = 0;
  bool partitioned = false;  // a GPU whose instances are entities of their own
  size_t instances = 0;      // how many
  bool instance = false;
  uint32_t instance_id = 0;
  std::string instance_text;   // GPU_I_ID
  std::string instance_uuid;   // "MIG-..."
  std::string profile;         // GPU_I_PROFILE, "1g.18gb"
  std::vector<double> values;  // by number of the field; NaN: blank
  double clock_reasons = NAN;
  bool has_processes = false;
  std::vector<GpuProcess> processes;
  std::vector<LinkValues> links;
  std::vector<int> peers;  // NVLink to the GPU of that index, as NVML has it; -1: not known
};

// All GPUs at one moment.
struct GpuSnapshot {
  bool library = false;    // a driver library was found
  bool driver_up = false;  // and it answers
  std::string problem;     // why not
  std::string driver_version;
  std::string nvml_version;
  std::string cuda_version;
  bool profiling_paused = false;
  double read_seconds = 0;
  int64_t taken_ns = 0;  // steady
  std::vector<GpuEntity> entities;
};

}  // namespace slurmscope::agent::gpu
