#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace slurmscope::agent::gpu {

// Where the value of a DCGM field comes from.
enum class Source : uint8_t {
  kField,        // nvmlDeviceGetFieldValues, `arg` is the id
  kGpm,          // GPM, `arg` is the metric
  kCall,         // a call of its own, `arg` is a Call
  kLinkRate,     // MB/s over NVLink `arg`, kAllLinks for the sum; from two readings
  kLabel,        // a text of the GPU, `arg` is a Label
  kLastXid,      // the last XID
  kXidCount,     // XIDs in a window
  kClockEvents,  // samples in a window with a throttle reason
  kP2p,          // NVLink between two GPUs
};

inline constexpr uint32_t kAllLinks = 0xFFFFFFFF;
inline constexpr uint32_t kMaxLinks = 18;

// Values that have their own function in NVML.
enum class Call : uint8_t {
  kSmClock,
  kMemClock,
  kVideoClock,
  kGpuTemp,
  kPower,
  kGpuUtil,
  kMemUtil,
  kEncUtil,
  kDecUtil,
  kFbTotal,
  kFbFree,
  kFbUsed,
  kFbReserved,
  kFbUsedRatio,
  kClockReasons,
  kPcieReplay,
  // From here on what rarely changes: read every few seconds only.
  kPstate,
  kFanSpeed,
  kBar1Total,
  kBar1Free,
  kBar1Used,
  kPcieGen,
  kPcieWidth,
  kPcieMaxGen,
  kPcieMaxWidth,
  kSlowdownTemp,
  kShutdownTemp,
  kGpuMaxTemp,
  kMemMaxTemp,
  kPowerLimit,
  kEnforcedPowerLimit,
  kMaxSmClock,
  kMaxMemClock,
  kMaxVideoClock,
  kPersistence,
  kComputeMode,
  kMigMode,
  kEccMode,
  kEccPending,
  kVgpuLicense,
  kCount,
};

// Texts of a GPU that a counters file may make labels.
enum class Label : uint8_t {
  kDriverVersion,
  kNvmlVersion,
  kBrand,
  kSerial,
  kOemInforom,
  kEccInforom,
  kPowerInforom,
  kInforomImage,
  kVbios,
  kCount,
};

// Whom a value is about when the GPU is partitioned (MIG): an instance has its own, or the GPU's.
enum class Level : uint8_t { kGpu, kInstance };

// A field of DCGM and what gives the same value without DCGM. Names and units as DCGM has them:
// https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html
struct FieldSpec {
  std::string name;
  Source source;
  uint32_t arg;
  double factor = 1;
  Level level = Level::kGpu;
};

// All known fields; a field's place in it is its number here.
std::span<const FieldSpec> AllFields();
// The number of a field by any of its names; -1 when unknown.
int FindField(std::string_view name);
// The name in AllFields() of what DCGM 4.6 has renamed ("DCGM_FI_DEV_BOARD_POWER_WATTS"), or
// dcgm-exporter 1.x called otherwise ("dcgm_power_usage"); else the name itself.
std::string UsualFieldName(std::string_view name);

}  // namespace slurmscope::agent::gpu
