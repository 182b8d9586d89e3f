#include "agent/gpu/fields.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;

constexpr double kPercent = 0.01;
constexpr double kMebibyte = 1048576;
constexpr Level kOwn = Level::kInstance;

FieldSpec Of(std::string_view name, Call call, Level level = Level::kGpu) {
  return {StrCat("DCGM_FI_DEV_", name), Source::kCall, static_cast<uint32_t>(call), 1, level};
}

FieldSpec Of(std::string_view name, uint32_t nvml_field, double factor = 1) {
  return {StrCat("DCGM_FI_DEV_", name), Source::kField, nvml_field, factor, Level::kGpu};
}

FieldSpec Of(std::string_view name, Label label) {
  return {StrCat("DCGM_FI_", name), Source::kLabel, static_cast<uint32_t>(label)};
}

FieldSpec Profiled(std::string_view name, uint32_t metric, double factor, Level level) {
  return {StrCat("DCGM_FI_PROF_", name), Source::kGpm, metric, factor, level};
}

void AddCalls(std::vector<FieldSpec>& out) {
  const FieldSpec calls[] = {
      Of("SM_CLOCK", Call::kSmClock),
      Of("MEM_CLOCK", Call::kMemClock),
      Of("GPU_TEMP", Call::kGpuTemp),
      Of("POWER_USAGE", Call::kPower),
      Of("GPU_UTIL", Call::kGpuUtil),
      Of("MEM_COPY_UTIL", Call::kMemUtil),
      Of("ENC_UTIL", Call::kEncUtil),
      Of("DEC_UTIL", Call::kDecUtil),
      Of("FB_TOTAL", Call::kFbTotal, kOwn),
      Of("FB_FREE", Call::kFbFree, kOwn),
      Of("FB_USED", Call::kFbUsed, kOwn),
      Of("FB_RESERVED", Call::kFbReserved, kOwn),
      Of("FB_USED_PERCENT", Call::kFbUsedRatio, kOwn),
      Of("CLOCK_THROTTLE_REASONS", Call::kClockReasons),
      Of("CLOCKS_EVENT_REASONS", Call::kClockReasons),
      Of("PCIE_REPLAY_COUNTER", Call::kPcieReplay),
      Of("PSTATE", Call::kPstate),
      Of("FAN_SPEED", Call::kFanSpeed),
      Of("BAR1_TOTAL", Call::kBar1Total),
      Of("BAR1_FREE", Call::kBar1Free),
      Of("BAR1_USED", Call::kBar1Used),
      Of("PCIE_LINK_GEN", Call::kPcieGen),
      Of("PCIE_LINK_WIDTH", Call::kPcieWidth),
      Of("PCIE_MAX_LINK_GEN", Call::kPcieMaxGen),
      Of("PCIE_MAX_LINK_WIDTH", Call::kPcieMaxWidth),
      Of("SLOWDOWN_TEMP", Call::kSlowdownTemp),
      Of("SHUTDOWN_TEMP", Call::kShutdownTemp),
      Of("GPU_MAX_OP_TEMP", Call::kGpuMaxTemp),
      Of("MEM_MAX_OP_TEMP", Call::kMemMaxTemp),
      Of("POWER_MGMT_LIMIT", Call::kPowerLimit),
      Of("ENFORCED_POWER_LIMIT", Call::kEnforcedPowerLimit),
      Of("MAX_SM_CLOCK", Call::kMaxSmClock),
      Of("MAX_MEM_CLOCK", Call::kMaxMemClock),
      Of("PERSISTENCE_MODE", Call::kPersistence),
      Of("COMPUTE_MODE", Call::kComputeMode),
      Of("MIG_MODE", Call::kMigMode),
      Of("ECC_CURRENT", Call::kEccMode),
      Of("ECC_PENDING", Call::kEccPending),
      Of("VIDEO_CLOCK", Call::kVideoClock),
      Of("MAX_VIDEO_CLOCK", Call::kMaxVideoClock),
      Of("VGPU_LICENSE_STATUS", Call::kVgpuLicense),
  };
  out.insert(out.end(), std::begin(calls), std::end(calls));
}

void AddFieldValues(std::vector<FieldSpec>& out) {
  const FieldSpec values[] = {
      Of("ECC_SBE_VOL_TOTAL", 3u),
      Of("ECC_DBE_VOL_TOTAL", 4u),
      Of("ECC_SBE_AGG_TOTAL", 5u),
      Of("ECC_DBE_AGG_TOTAL", 6u),
      Of("RETIRED_SBE", 29u),
      Of("RETIRED_DBE", 30u),
      Of("RETIRED_PENDING", 31u),
      Of("NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", 38u),
      Of("NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", 45u),
      Of("NVLINK_REPLAY_ERROR_COUNT_TOTAL", 52u),
      Of("NVLINK_RECOVERY_ERROR_COUNT_TOTAL", 59u),
      Of("POWER_VIOLATION", 74u),
      Of("THERMAL_VIOLATION", 75u),
      Of("SYNC_BOOST_VIOLATION", 76u),
      Of("BOARD_LIMIT_VIOLATION", 77u),
      Of("LOW_UTIL_VIOLATION", 78u),
      Of("RELIABILITY_VIOLATION", 79u),
      Of("TOTAL_APP_CLOCKS_VIOLATION", 80u),
      Of("TOTAL_BASE_CLOCKS_VIOLATION", 81u),
      Of("MEMORY_TEMP", 82u),
      Of("TOTAL_ENERGY_CONSUMPTION", 83u),
      Of("CORRECTABLE_REMAPPED_ROWS", 142u),
      Of("UNCORRECTABLE_REMAPPED_ROWS", 143u),
      Of("ROW_REMAP_PENDING", 144u),
      Of("ROW_REMAP_FAILURE", 145u),
      Of("POWER_USAGE_INSTANT", 186u, 0.001),
      Of("POWER_MGMT_LIMIT_MIN", 187u, 0.001),
      Of("POWER_MGMT_LIMIT_MAX", 188u, 0.001),
      Of("POWER_MGMT_LIMIT_DEF", 189u, 0.001),
      Of("GET_GPU_RECOVERY_ACTION", 230u),
      Of("CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", 74u),
      Of("CLOCKS_EVENT_REASON_SYNC_BOOST_NS", 76u),
      Of("CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS", 269u),
      Of("CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", 270u),
      Of("CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", 271u),
  };
  out.insert(out.end(), std::begin(values), std::end(values));
}

// ECC errors by place, errors of the first NVLinks: in NVML side by side.
void AddFieldRows(std::vector<FieldSpec>& out) {
  constexpr std::string_view kPlaces[] = {"L1", "L2", "DEV", "REG", "TEX"};
  for (uint32_t i = 0; i < std::size(kPlaces); ++i) {
    out.push_back(Of(StrCat("ECC_SBE_VOL_", kPlaces[i]), 7 + 2 * i));
    out.push_back(Of(StrCat("ECC_DBE_VOL_", kPlaces[i]), 8 + 2 * i));
    out.push_back(Of(StrCat("ECC_SBE_AGG_", kPlaces[i]), 18 + 2 * i));
    out.push_back(Of(StrCat("ECC_DBE_AGG_", kPlaces[i]), 19 + 2 * i));
  }
  out.push_back(Of("ECC_DBE_VOL_CBU", 17u));
  out.push_back(Of("ECC_DBE_AGG_CBU", 28u));
  constexpr std::pair<std::string_view, uint32_t> kLinkErrors[] = {
      {"CRC_FLIT", 32}, {"CRC_DATA", 39}, {"REPLAY", 46}, {"RECOVERY", 53}};
  for (uint32_t i = 0; i < 6; ++i) {
    for (const auto& [kind, first] : kLinkErrors)
      out.push_back(Of(StrCat("NVLINK_", kind, "_ERROR_COUNT_L", i), first + i));
  }
}

void AddProfiling(std::vector<FieldSpec>& out) {
  const FieldSpec metrics[] = {
      Profiled("GR_ENGINE_ACTIVE", 1, kPercent, kOwn),
      Profiled("SM_ACTIVE", 2, kPercent, kOwn),
      Profiled("SM_OCCUPANCY", 3, kPercent, kOwn),
      Profiled("PIPE_INT_ACTIVE", 4, kPercent, kOwn),
      Profiled("PIPE_TENSOR_ACTIVE", 5, kPercent, kOwn),
      Profiled("PIPE_TENSOR_DFMA_ACTIVE", 6, kPercent, kOwn),
      Profiled("PIPE_TENSOR_HMMA_ACTIVE", 7, kPercent, kOwn),
      Profiled("PIPE_TENSOR_IMMA_ACTIVE", 9, kPercent, kOwn),
      Profiled("DRAM_ACTIVE", 10, kPercent, kOwn),
      Profiled("PIPE_FP64_ACTIVE", 11, kPercent, kOwn),
      Profiled("PIPE_FP32_ACTIVE", 12, kPercent, kOwn),
      Profiled("PIPE_FP16_ACTIVE", 13, kPercent, kOwn),
      Profiled("PCIE_TX_BYTES", 20, kMebibyte, Level::kGpu),
      Profiled("PCIE_RX_BYTES", 21, kMebibyte, Level::kGpu),
      Profiled("NVLINK_RX_BYTES", 60, kMebibyte, Level::kGpu),
      Profiled("NVLINK_TX_BYTES", 61, kMebibyte, Level::kGpu),
  };
  out.insert(out.end(), std::begin(metrics), std::end(metrics));
  const auto add = [&](const std::string& name, uint32_t metric, double factor) {
    out.push_back(Profiled(name, metric, factor, Level::kGpu));
  };
  for (uint32_t i = 0; i < 8; ++i) {
    add(StrCat("NVDEC", i, "_ACTIVE"), 30 + i, kPercent);
    add(StrCat("NVJPG", i, "_ACTIVE"), 40 + i, kPercent);
  }
  for (uint32_t i = 0; i < 2; ++i) add(StrCat("NVOFA", i, "_ACTIVE"), 50 + i, kPercent);
  for (uint32_t i = 0; i < kMaxLinks; ++i) {
    add(StrCat("NVLINK_L", i, "_RX_BYTES"), 62 + 2 * i, kMebibyte);
    add(StrCat("NVLINK_L", i, "_TX_BYTES"), 63 + 2 * i, kMebibyte);
  }
}

void AddLinksLabelsAndEvents(std::vector<FieldSpec>& out) {
  out.push_back({"DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", Source::kLinkRate, kAllLinks});
  for (uint32_t i = 0; i < kMaxLinks; ++i) {
    out.push_back({StrCat("DCGM_FI_DEV_NVLINK_BANDWIDTH_L", i), Source::kLinkRate, i});
  }
  const FieldSpec rest[] = {
      Of("DRIVER_VERSION", Label::kDriverVersion),
      Of("NVML_VERSION", Label::kNvmlVersion),
      Of("DEV_BRAND", Label::kBrand),
      Of("DEV_SERIAL", Label::kSerial),
      Of("DEV_OEM_INFOROM_VER", Label::kOemInforom),
      Of("DEV_ECC_INFOROM_VER", Label::kEccInforom),
      Of("DEV_POWER_INFOROM_VER", Label::kPowerInforom),
      Of("DEV_INFOROM_IMAGE_VER", Label::kInforomImage),
      Of("DEV_VBIOS_VERSION", Label::kVbios),
      {"DCGM_FI_DEV_XID_ERRORS", Source::kLastXid, 0},
      {"DCGM_EXP_XID_ERRORS_COUNT", Source::kXidCount, 0},
      {"DCGM_EXP_CLOCK_EVENTS_COUNT", Source::kClockEvents, 0},
      {"DCGM_EXP_P2P_STATUS", Source::kP2p, 0},
  };
  out.insert(out.end(), std::begin(rest), std::end(rest));
}

}  // namespace

std::span<const FieldSpec> AllFields() {
  static const std::vector<FieldSpec> fields = [] {
    std::vector<FieldSpec> out;
    AddCalls(out);
    AddFieldValues(out);
    AddFieldRows(out);
    AddProfiling(out);
    AddLinksLabelsAndEvents(out);
    return out;
  }();
  return fields;
}

int FindField(std::string_view name) {
  const std::string usual = UsualFieldName(name);
  const auto fields = AllFields();
  const auto at = std::find_if(fields.begin(), fields.end(),
                               [&](const FieldSpec& field) { return field.name == usual; });
  return at == fields.end() ? -1 : static_cast<int>(at - fields.begin());
}

}  // namespace slurmscope::agent::gpu
