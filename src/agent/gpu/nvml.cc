#include "agent/gpu/nvml.h"

#include <dlfcn.h>

#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

constexpr const char* kUsualPlaces[] = {"libnvidia-ml.so.1",
                                        "/usr/lib64/libnvidia-ml.so.1",
                                        "/usr/lib64/nvidia/libnvidia-ml.so.1",
                                        "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1",
                                        "/run/nvidia/driver/usr/lib64/libnvidia-ml.so.1",
                                        "/usr/local/nvidia/lib64/libnvidia-ml.so.1"};

void* Open(const char* path) { return ::dlopen(path, RTLD_NOW | RTLD_LOCAL); }

}  // namespace

Result<std::shared_ptr<Nvml>> Nvml::Load(const std::string& path) {
  std::string reason;
  const auto attempt = [&](const char* place) -> std::shared_ptr<Nvml> {
    void* handle = Open(place);
    if (handle != nullptr) return std::shared_ptr<Nvml>(new Nvml(handle, place));
    if (const char* why = ::dlerror(); reason.empty() && why != nullptr) reason = why;
    return nullptr;
  };
  if (!path.empty()) {
    if (auto library = attempt(path.c_str())) return library;
  } else {
    for (const char* place : kUsualPlaces) {
      if (auto library = attempt(place)) return library;
    }
  }
  return base::Fail(base::ErrorCode::kNotFound, base::StrCat("no NVIDIA driver library: ", reason));
}

template <typename Function>
void Nvml::Bind(Function& function, std::initializer_list<const char*> names) {
  for (const char* symbol_name : names) {
    if (void* symbol = ::dlsym(handle_, symbol_name)) return function.Bind(symbol);
  }
}

Nvml::Nvml(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {
  Bind(init, {"nvmlInit_v2", "nvmlInit"});
  Bind(shutdown, {"nvmlShutdown"});
  Bind(driver_version, {"nvmlSystemGetDriverVersion"});
  Bind(nvml_version, {"nvmlSystemGetNVMLVersion"});
  Bind(cuda_version, {"nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"});
  error_text_ = reinterpret_cast<const char* (*)(int)>(::dlsym(handle_, "nvmlErrorString"));
  BindDevices();
  BindValues();
  BindEventsAndProfiling();
}

Nvml::~Nvml() { ::dlclose(handle_); }

void Nvml::BindDevices() {
  Bind(count, {"nvmlDeviceGetCount_v2", "nvmlDeviceGetCount"});
  Bind(handle_by_index, {"nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex"});
  Bind(name, {"nvmlDeviceGetName"});
  Bind(uuid, {"nvmlDeviceGetUUID"});
  Bind(serial, {"nvmlDeviceGetSerial"});
  Bind(vbios, {"nvmlDeviceGetVbiosVersion"});
  Bind(inforom_image, {"nvmlDeviceGetInforomImageVersion"});
  Bind(inforom, {"nvmlDeviceGetInforomVersion"});
  // The older forms fill a shorter struct.
  Bind(pci_info, {"nvmlDeviceGetPciInfo_v3"});
  Bind(minor, {"nvmlDeviceGetMinorNumber"});
  Bind(brand, {"nvmlDeviceGetBrand"});
  Bind(mig_mode, {"nvmlDeviceGetMigMode"});
  Bind(max_mig_devices, {"nvmlDeviceGetMaxMigDeviceCount"});
  Bind(mig_device, {"nvmlDeviceGetMigDeviceHandleByIndex"});
  Bind(gpu_instance_id, {"nvmlDeviceGetGpuInstanceId"});
}

void Nvml::BindValues() {
  Bind(field_values, {"nvmlDeviceGetFieldValues"});
  Bind(clock, {"nvmlDeviceGetClockInfo"});
  Bind(max_clock, {"nvmlDeviceGetMaxClockInfo"});
  Bind(temperature, {"nvmlDeviceGetTemperature"});
  Bind(temperature_threshold, {"nvmlDeviceGetTemperatureThreshold"});
  Bind(power, {"nvmlDeviceGetPowerUsage"});
  Bind(power_limit, {"nvmlDeviceGetPowerManagementLimit"});
  Bind(enforced_power_limit, {"nvmlDeviceGetEnforcedPowerLimit"});
  Bind(utilization, {"nvmlDeviceGetUtilizationRates"});
  Bind(encoder, {"nvmlDeviceGetEncoderUtilization"});
  Bind(decoder, {"nvmlDeviceGetDecoderUtilization"});
  Bind(memory_v2, {"nvmlDeviceGetMemoryInfo_v2"});
  Bind(memory, {"nvmlDeviceGetMemoryInfo"});
  Bind(bar1, {"nvmlDeviceGetBAR1MemoryInfo"});
  Bind(pcie_replay, {"nvmlDeviceGetPcieReplayCounter"});
  Bind(pcie_gen, {"nvmlDeviceGetCurrPcieLinkGeneration"});
  Bind(pcie_width, {"nvmlDeviceGetCurrPcieLinkWidth"});
  Bind(pcie_max_gen, {"nvmlDeviceGetMaxPcieLinkGeneration"});
  Bind(pcie_max_width, {"nvmlDeviceGetMaxPcieLinkWidth"});
  Bind(performance_state, {"nvmlDeviceGetPerformanceState"});
  Bind(fan_speed, {"nvmlDeviceGetFanSpeed"});
  Bind(persistence_mode, {"nvmlDeviceGetPersistenceMode"});
  Bind(compute_mode, {"nvmlDeviceGetComputeMode"});
  Bind(ecc_mode, {"nvmlDeviceGetEccMode"});
  Bind(clock_reasons,
       {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  Bind(nvlink_state, {"nvmlDeviceGetNvLinkState"});
  Bind(nvlink_errors, {"nvmlDeviceGetNvLinkErrorCounter"});
  Bind(grid_features, {"nvmlDeviceGetGridLicensableFeatures_v4"});
  Bind(p2p_status, {"nvmlDeviceGetP2PStatus"});
  Bind(processes, {"nvmlDeviceGetComputeRunningProcesses_v3"});
}

void Nvml::BindEventsAndProfiling() {
  Bind(event_set_create, {"nvmlEventSetCreate"});
  Bind(event_set_free, {"nvmlEventSetFree"});
  Bind(register_events, {"nvmlDeviceRegisterEvents"});
  // The first version fills a shorter struct, whose rest stays what we set it to.
  Bind(event_wait, {"nvmlEventSetWait_v2", "nvmlEventSetWait"});
  Bind(gpm_support, {"nvmlGpmQueryDeviceSupport"});
  Bind(gpm_sample_alloc, {"nvmlGpmSampleAlloc"});
  Bind(gpm_sample_free, {"nvmlGpmSampleFree"});
  Bind(gpm_sample, {"nvmlGpmSampleGet"});
  Bind(gpm_mig_sample, {"nvmlGpmMigSampleGet"});
  Bind(gpm_metrics, {"nvmlGpmMetricsGet"});
}

std::string Nvml::ErrorText(int result) const {
  const char* text = error_text_ == nullptr ? nullptr : error_text_(result);
  return base::StrCat(text == nullptr ? "NVML result" : text, " (", result, ")");
}

}  // namespace slurmscope::agent::gpu
