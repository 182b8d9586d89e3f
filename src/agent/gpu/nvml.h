#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

// NVIDIA's management library as far as the agent calls it: our own declarations of its binary
// interface (names, numbers and layouts of nvml.h as of 13.3 on x86-64; older drivers are a
// subset).
namespace slurmscope::agent::gpu {

using base::Result;

// Handles of the library; never dereferenced here.
using NvmlDevice = void*;
using NvmlEventSet = void*;
using NvmlGpmSample = void*;

enum NvmlReturn : int {
  kNvmlOk = 0,
  kNvmlUninitialized = 1,
  kNvmlNotSupported = 3,
  kNvmlNoPermission = 4,
  kNvmlNotFound = 6,
  kNvmlInsufficientSize = 7,
  kNvmlDriverNotLoaded = 9,
  kNvmlTimeout = 10,
  kNvmlLibraryNotFound = 12,
  kNvmlFunctionNotFound = 13,
  kNvmlGpuLost = 15,
  kNvmlResetRequired = 16,
  kNvmlLibraryMismatch = 18,  // driver and library of different versions: upgraded, not reloaded
  kNvmlVersionMismatch = 25,  // of a struct
  kNvmlUnknown = 999,
};

struct NvmlPciInfo {
  char bus_id_legacy[16];
  uint32_t domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
static_assert(sizeof(NvmlPciInfo) == 68);

union NvmlValue {
  double d;
  uint32_t u32;
  uint64_t u64;
  int64_t i64;
  int32_t i32;
  uint16_t u16;
};

struct NvmlFieldValue {
  uint32_t field_id;
  uint32_t scope_id;
  int64_t timestamp_us;
  int64_t latency_us;
  uint32_t type;  // 0 double, 1 u32, 2 unsigned long, 3 u64, 4 i64, 5 i32, 6 u16
  int32_t result;
  NvmlValue value;
};
static_assert(sizeof(NvmlFieldValue) == 40 && offsetof(NvmlFieldValue, value) == 32);

// The version word of a struct of that size.
constexpr uint32_t NvmlVersion(size_t size, uint32_t version) {
  return static_cast<uint32_t>(size) | version << 24;
}

struct NvmlMemoryV2 {
  uint32_t version;
  uint64_t total, reserved, free, used;  // bytes
};
static_assert(sizeof(NvmlMemoryV2) == 40);

struct NvmlMemory {
  uint64_t total, free, used;
};

struct NvmlBar1Memory {
  uint64_t total, free, used;
};

struct NvmlUtilization {
  uint32_t gpu, memory;  // percent
};

struct NvmlEventData {
  NvmlDevice device;
  uint64_t type;
  uint64_t data;
  uint32_t gpu_instance, compute_instance;  // 0xFFFFFFFF: none
};
static_assert(sizeof(NvmlEventData) == 32);

inline constexpr uint64_t kNvmlEventXid = 8;
inline constexpr uint32_t kNvmlNoInstance = 0xFFFFFFFF;

struct NvmlProcess {
  uint32_t pid;
  uint64_t used_memory;  // bytes; all ones: unknown
  uint32_t gpu_instance, compute_instance;
};
static_assert(sizeof(NvmlProcess) == 24);

struct NvmlGpmSupport {
  uint32_t version, supported;
};

struct NvmlGpmMetric {
  uint32_t id;
  int32_t result;
  double value;
  const char* names[3];
};
static_assert(sizeof(NvmlGpmMetric) == 40);

// The library reads only as many metrics as `count` says; its own array is larger in newer
// versions.
inline constexpr size_t kNvmlGpmMetrics = 333;
struct NvmlGpmMetricsGet {
  uint32_t version, count;
  NvmlGpmSample first, second;
  NvmlGpmMetric metrics[kNvmlGpmMetrics];
};
static_assert(offsetof(NvmlGpmMetricsGet, metrics) == 24);

inline constexpr int kNvmlP2pNvlink = 2;

// A function of the library; calling one that the library lacks says kNvmlFunctionNotFound.
template <typename... Args>
class NvmlFunction {
 public:
  int operator()(Args... args) const {
    return function_ == nullptr ? kNvmlFunctionNotFound : function_(args...);
  }
  explicit operator bool() const { return function_ != nullptr; }
  void Bind(void* symbol) { function_ = reinterpret_cast<int (*)(Args...)>(symbol); }

 private:
  int (*function_)(Args...) = nullptr;
};

// The library, loaded; unloaded with the object. Its functions may be called from any thread.
class Nvml {
 public:
  // `path` empty: the names and places where drivers put it. kNotFound when there is none.
  static Result<std::shared_ptr<Nvml>> Load(const std::string& path);
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  const std::string& path() const { return path_; }
  // The library's word for a result, or its number.
  std::string ErrorText(int result) const;

  using Text = NvmlFunction<NvmlDevice, char*, uint32_t>;
  using Number = NvmlFunction<NvmlDevice, uint32_t*>;

  NvmlFunction<> init, shutdown;
  NvmlFunction<char*, uint32_t> driver_version, nvml_version;
  NvmlFunction<int*> cuda_version;
  NvmlFunction<uint32_t*> count;
  NvmlFunction<uint32_t, NvmlDevice*> handle_by_index;
  Text name, uuid, serial, vbios, inforom_image;
  NvmlFunction<NvmlDevice, int, char*, uint32_t> inforom;
  NvmlFunction<NvmlDevice, NvmlPciInfo*> pci_info;
  Number minor, brand, power, power_limit, enforced_power_limit, pcie_gen, pcie_width, pcie_max_gen,
      pcie_max_width, performance_state, fan_speed, persistence_mode, compute_mode, pcie_replay,
      max_mig_devices, gpu_instance_id;
  NvmlFunction<NvmlDevice, int, uint32_t*> clock, max_clock, temperature, temperature_threshold;
  NvmlFunction<NvmlDevice, NvmlUtilization*> utilization;
  NvmlFunction<NvmlDevice, uint32_t*, uint32_t*> encoder, decoder, mig_mode, ecc_mode;
  NvmlFunction<NvmlDevice, NvmlMemoryV2*> memory_v2;
  NvmlFunction<NvmlDevice, NvmlMemory*> memory;
  NvmlFunction<NvmlDevice, NvmlBar1Memory*> bar1;
  NvmlFunction<NvmlDevice, unsigned long long*> clock_reasons;
  NvmlFunction<NvmlDevice, int, NvmlFieldValue*> field_values;
  NvmlFunction<NvmlDevice, uint32_t, uint32_t*> nvlink_state;
  NvmlFunction<NvmlDevice, uint32_t, int, unsigned long long*> nvlink_errors;
  NvmlFunction<NvmlDevice, void*> grid_features;
  NvmlFunction<NvmlDevice, uint32_t*, NvmlProcess*> processes;
  NvmlFunction<NvmlDevice, uint32_t, NvmlDevice*> mig_device;
  // Two GPUs, what it is about (kNvmlP2pNvlink), the status.
  NvmlFunction<NvmlDevice, NvmlDevice, int, int*> p2p_status;
  NvmlFunction<NvmlEventSet*> event_set_create;
  NvmlFunction<NvmlEventSet> event_set_free;
  NvmlFunction<NvmlDevice, unsigned long long, NvmlEventSet> register_events;
  NvmlFunction<NvmlEventSet, NvmlEventData*, uint32_t> event_wait;
  NvmlFunction<NvmlDevice, NvmlGpmSupport*> gpm_support;
  NvmlFunction<NvmlGpmSample*> gpm_sample_alloc;
  NvmlFunction<NvmlGpmSample> gpm_sample_free;
  NvmlFunction<NvmlDevice, NvmlGpmSample> gpm_sample;
  NvmlFunction<NvmlDevice, uint32_t, NvmlGpmSample> gpm_mig_sample;
  NvmlFunction<NvmlGpmMetricsGet*> gpm_metrics;

 private:
  Nvml(void* handle, std::string path);
  void BindDevices();
  void BindValues();
  void BindEventsAndProfiling();
  // The first of the names that the library has.
  template <typename Function>
  void Bind(Function& function, std::initializer_list<const char*> names);

  void* handle_;
  std::string path_;
  const char* (*error_text_)(int) = nullptr;
};

}  // namespace slurmscope::agent::gpu
