#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/gpu/fields.h"
#include "base/strings.h"

// Other names of fields; a counters file decides which one is printed.
namespace slurmscope::agent::gpu {
namespace {

using base::StrCat;
using Names = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kDevice = "DCGM_FI_DEV_";
constexpr std::string_view kProfiling = "DCGM_FI_PROF_";

// Since DCGM 4.6, without kDevice.
constexpr Names kDeviceNames[] = {
    {"BOARD_POWER_LIMIT_DEFAULT_WATTS", "POWER_MGMT_LIMIT_DEF"},
    {"BOARD_POWER_LIMIT_ENFORCED_WATTS", "ENFORCED_POWER_LIMIT"},
    {"BOARD_POWER_LIMIT_MAX_WATTS", "POWER_MGMT_LIMIT_MAX"},
    {"BOARD_POWER_LIMIT_MIN_WATTS", "POWER_MGMT_LIMIT_MIN"},
    {"BOARD_POWER_LIMIT_REQUESTED_WATTS", "POWER_MGMT_LIMIT"},
    {"BOARD_POWER_RAW_WATTS", "POWER_USAGE_INSTANT"},
    {"BOARD_POWER_WATTS", "POWER_USAGE"},
    {"BOARD_SERIAL", "SERIAL"},
    {"CLOCKS_EVENT_REASON_SYNC_BOOST_COUNT_NS", "CLOCKS_EVENT_REASON_SYNC_BOOST_NS"},
    {"ECC_MODE", "ECC_CURRENT"},
    {"FB_USED_RATIO", "FB_USED_PERCENT"},
    {"GPU_BRAND", "BRAND"},
    {"GPU_COMPUTE_MODE", "COMPUTE_MODE"},
    {"GPU_MAX_OP_TEMP_CELSIUS", "GPU_MAX_OP_TEMP"},
    {"GPU_PERSISTENCE_MODE", "PERSISTENCE_MODE"},
    {"GPU_PSTATE", "PSTATE"},
    {"GPU_RECOVERY_ACTION", "GET_GPU_RECOVERY_ACTION"},
    {"GPU_TEMP_CELSIUS", "GPU_TEMP"},
    {"GPU_TEMP_SHUTDOWN_CELSIUS", "SHUTDOWN_TEMP"},
    {"GPU_TEMP_SLOWDOWN_CELSIUS", "SLOWDOWN_TEMP"},
    {"GPU_UTIL_RATIO", "GPU_UTIL"},
    {"INFOROM_ECC_VERSION", "ECC_INFOROM_VER"},
    {"INFOROM_IMAGE_VERSION", "INFOROM_IMAGE_VER"},
    {"INFOROM_OEM_VERSION", "OEM_INFOROM_VER"},
    {"INFOROM_POWER_VERSION", "POWER_INFOROM_VER"},
    {"MEMORY_MAX_OP_TEMP_CELSIUS", "MEM_MAX_OP_TEMP"},
    {"MEMORY_TEMP_CELSIUS", "MEMORY_TEMP"},
    {"PAGE_RETIRED_DBE_TOTAL", "RETIRED_DBE"},
    {"PAGE_RETIRED_PENDING", "RETIRED_PENDING"},
    {"PAGE_RETIRED_SBE_TOTAL", "RETIRED_SBE"},
    {"PCIE_REPLAY_TOTAL", "PCIE_REPLAY_COUNTER"},
    {"ROW_REMAP_CORRECTABLE_TOTAL", "CORRECTABLE_REMAPPED_ROWS"},
    {"ROW_REMAP_FAILED", "ROW_REMAP_FAILURE"},
    {"ROW_REMAP_UNCORRECTABLE_TOTAL", "UNCORRECTABLE_REMAPPED_ROWS"},
    {"XID_ERROR", "XID_ERRORS"},
};

// Likewise, without kProfiling.
constexpr Names kProfilingNames[] = {
    {"DFMA_UTIL_RATIO", "PIPE_TENSOR_DFMA_ACTIVE"},
    {"DRAM_UTIL_RATIO", "DRAM_ACTIVE"},
    {"FP16_UTIL_RATIO", "PIPE_FP16_ACTIVE"},
    {"FP32_UTIL_RATIO", "PIPE_FP32_ACTIVE"},
    {"FP64_UTIL_RATIO", "PIPE_FP64_ACTIVE"},
    {"GR_ENGINE_UTIL_RATIO", "GR_ENGINE_ACTIVE"},
    {"HMMA_UTIL_RATIO", "PIPE_TENSOR_HMMA_ACTIVE"},
    {"IMMA_UTIL_RATIO", "PIPE_TENSOR_IMMA_ACTIVE"},
    {"INT_UTIL_RATIO", "PIPE_INT_ACTIVE"},
    {"SM_OCCUPANCY_RATIO", "SM_OCCUPANCY"},
    {"SM_UTIL_RATIO", "SM_ACTIVE"},
    {"TENSOR_UTIL_RATIO", "PIPE_TENSOR_ACTIVE"},
};

// In the counters file that dcgm-exporter has for users of its version 1.
constexpr Names kFirstNames[] = {
    {"dcgm_board_limit_violation", "BOARD_LIMIT_VIOLATION"},
    {"dcgm_dec_utilization", "DEC_UTIL"},
    {"dcgm_ecc_dbe_aggregate_total", "ECC_DBE_AGG_TOTAL"},
    {"dcgm_ecc_dbe_volatile_total", "ECC_DBE_VOL_TOTAL"},
    {"dcgm_ecc_sbe_aggregate_total", "ECC_SBE_AGG_TOTAL"},
    {"dcgm_ecc_sbe_volatile_total", "ECC_SBE_VOL_TOTAL"},
    {"dcgm_enc_utilization", "ENC_UTIL"},
    {"dcgm_fb_free", "FB_FREE"},
    {"dcgm_fb_used", "FB_USED"},
    {"dcgm_gpu_temp", "GPU_TEMP"},
    {"dcgm_gpu_utilization", "GPU_UTIL"},
    {"dcgm_low_util_violation", "LOW_UTIL_VIOLATION"},
    {"dcgm_mem_copy_utilization", "MEM_COPY_UTIL"},
    {"dcgm_memory_clock", "MEM_CLOCK"},
    {"dcgm_memory_temp", "MEMORY_TEMP"},
    {"dcgm_nvlink_bandwidth_total", "NVLINK_BANDWIDTH_TOTAL"},
    {"dcgm_nvlink_data_crc_error_count_total", "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL"},
    {"dcgm_nvlink_flit_crc_error_count_total", "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL"},
    {"dcgm_nvlink_recovery_error_count_total", "NVLINK_RECOVERY_ERROR_COUNT_TOTAL"},
    {"dcgm_nvlink_replay_error_count_total", "NVLINK_REPLAY_ERROR_COUNT_TOTAL"},
    {"dcgm_pcie_replay_counter", "PCIE_REPLAY_COUNTER"},
    {"dcgm_power_usage", "POWER_USAGE"},
    {"dcgm_power_violation", "POWER_VIOLATION"},
    {"dcgm_reliability_violation", "RELIABILITY_VIOLATION"},
    {"dcgm_retired_pages_dbe", "RETIRED_DBE"},
    {"dcgm_retired_pages_pending", "RETIRED_PENDING"},
    {"dcgm_retired_pages_sbe", "RETIRED_SBE"},
    {"dcgm_sm_clock", "SM_CLOCK"},
    {"dcgm_sync_boost_violation", "SYNC_BOOST_VIOLATION"},
    {"dcgm_thermal_violation", "THERMAL_VIOLATION"},
    {"dcgm_total_energy_consumption", "TOTAL_ENERGY_CONSUMPTION"},
    {"dcgm_xid_errors", "XID_ERRORS"},
};

template <size_t N>
std::string_view Old(const Names (&names)[N], std::string_view name) {
  const auto at = std::find_if(std::begin(names), std::end(names),
                               [&](const Names& pair) { return pair.first == name; });
  return at == std::end(names) ? std::string_view() : at->second;
}

// "NVLINK_REPLAY_ERROR_L3_TOTAL" was "NVLINK_REPLAY_ERROR_COUNT_L3", "NVLINK_THROUGHPUT_L3"
// "NVLINK_BANDWIDTH_L3"; the sums have TOTAL for L3.
std::string OldLinkName(std::string_view name) {
  constexpr std::string_view kThroughput = "NVLINK_THROUGHPUT_";
  if (name.starts_with(kThroughput))
    return StrCat("NVLINK_BANDWIDTH_", name.substr(kThroughput.size()));
  constexpr std::string_view kError = "_ERROR_", kTotal = "_TOTAL";
  const size_t at = name.find(kError);
  if (!name.starts_with("NVLINK_") || !name.ends_with(kTotal) || at == std::string_view::npos ||
      name.find("_COUNT_") != std::string_view::npos)
    return {};
  const std::string_view head = name.substr(0, at);
  std::string_view link = name.substr(at + kError.size());
  if (link.ends_with(kTotal)) link.remove_suffix(kTotal.size());
  return StrCat(head, "_ERROR_COUNT_", link);
}

std::string OldEngineName(std::string_view name) {
  // "NVDEC_UTIL_0_RATIO" was "NVDEC0_ACTIVE".
  constexpr std::string_view kUtil = "_UTIL_", kRatio = "_RATIO";
  const size_t at = name.find(kUtil);
  if (at == std::string_view::npos || !name.ends_with(kRatio)) return {};
  const std::string_view number = name.substr(at + kUtil.size());
  if (number.size() <= kRatio.size()) return {};
  return StrCat(name.substr(0, at), number.substr(0, number.size() - kRatio.size()), "_ACTIVE");
}

std::string Upper(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

std::string UsualFieldName(std::string_view name) {
  if (const std::string_view old = Old(kFirstNames, name); !old.empty())
    return StrCat(kDevice, old);
  constexpr std::string_view kFirstProfiling = "dcgm_fi_prof_";
  if (name.starts_with(kFirstProfiling))
    return StrCat(kProfiling, Upper(name.substr(kFirstProfiling.size())));
  if (name == "DCGM_FI_SYSTEM_DRIVER_VERSION") return "DCGM_FI_DRIVER_VERSION";
  if (name == "DCGM_FI_SYSTEM_NVML_VERSION") return "DCGM_FI_NVML_VERSION";
  if (name.starts_with(kDevice)) {
    const std::string_view rest = name.substr(kDevice.size());
    if (const std::string_view old = Old(kDeviceNames, rest); !old.empty())
      return StrCat(kDevice, old);
    if (const std::string old = OldLinkName(rest); !old.empty()) return StrCat(kDevice, old);
  }
  if (name.starts_with(kProfiling)) {
    const std::string_view rest = name.substr(kProfiling.size());
    if (const std::string_view old = Old(kProfilingNames, rest); !old.empty())
      return StrCat(kProfiling, old);
    if (const std::string old = OldEngineName(rest); !old.empty()) return StrCat(kProfiling, old);
  }
  return std::string(name);
}

}  // namespace slurmscope::agent::gpu
