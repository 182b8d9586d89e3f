// A libnvidia-ml.so.1 for tests: says what the file named by FAKE_NVML_CONFIG says, read again
// when it changes. Lines of "key value"; keys:
//   gpus N            driver V          nvml V
//   G.name G.uuid G.bus G.serial       texts of GPU G
//   G.temp G.power_mw G.util ...       numbers (see Number calls below)
//   G.field.ID V      G.gpm.ID V       field values and GPM metrics
//   G.field.ID.all V  that of all NVLinks together, where it is another
//   G.links N         G.mig.J GI PROFILE TOTAL_MIB USED_MIB
//   G.procs PID:BYTES PID:BYTES ...    G.procs.J of instance J
//   rc.SYMBOL R       G.rc.SYMBOL R    result of a function
//   delay.SYMBOL MS                    how long it takes
//   xids G:XID G:XID:INSTANCE ...      events; longer lists are new events
//   event_wait_ms N                    how long a wait for events is at most (50)
//   G.p2p.H N                          NVLink between G and H, 0: fine
// A value of G.field.ID or G.gpm.ID that begins with @ is a speed: the field grows by so much a
// second; the metric is that of the bytes that the fake CUDA has moved. While a process of that
// works, the file named FAKE_NVML_CONFIG.KIND counts, too. Layouts are written out as byte offsets,
// from the description of the interface, not from the agent's declarations: a mistake there does
// not cancel out.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

// Where the program is built with LeakSanitizer.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" void __lsan_ignore_object(const void* object) __attribute__((weak));

namespace {

constexpr int kMaxGpus = 16, kMaxMig = 8;
struct Handle {
  int gpu = 0;
  int mig = -1;
};

struct State {
  std::mutex mutex;
  std::map<std::string, std::string> config;
  int64_t stamp = -1;
  std::string work;
  std::map<std::string, uint64_t> calls;
  std::map<std::string, double> ticks;  // GPM samples taken
  size_t xids_given = 0;
  bool initialized = false;
  Handle handles[kMaxGpus][kMaxMig + 1];
};

State& TheState() {
  static State* state = [] {
    auto* s = new State;
    // Stays behind when the library is unloaded: a thread may still be in it.
    if (__lsan_ignore_object != nullptr) __lsan_ignore_object(s);
    for (int g = 0; g < kMaxGpus; ++g) {
      for (int m = 0; m <= kMaxMig; ++m) s->handles[g][m] = {g, m - 1};
    }
    return s;
  }();
  return *state;
}

void Read(State& s, const std::string& path) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const size_t blank = line.find(' ');
    if (blank != std::string::npos) s.config[line.substr(0, blank)] = line.substr(blank + 1);
  }
}

// What the fake CUDA said it does: "PID KIND BYTES" in FAKE_NVML_CONFIG.work.
std::string WorkOfCuda(const char* path, uint64_t* bytes = nullptr) {
  std::ifstream in(std::string(path) + ".work");
  int pid = 0;
  std::string kind;
  uint64_t moved = 0;
  if (!(in >> pid >> kind >> moved) || ::kill(pid, 0) != 0) return {};
  if (bytes != nullptr) *bytes = moved;
  return kind;
}

double Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void Reload(State& s) {
  const char* path = std::getenv("FAKE_NVML_CONFIG");
  struct stat info {};
  if (path == nullptr || ::stat(path, &info) != 0) return;
  const std::string work = WorkOfCuda(path);
  const int64_t stamp = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec + info.st_size +
                        static_cast<int64_t>(info.st_ino);
  if (stamp == s.stamp && work == s.work) return;
  s.stamp = stamp;
  s.work = work;
  s.config.clear();
  Read(s, path);
  if (!work.empty()) Read(s, path + ("." + work));
}

std::string Get(State& s, const std::string& key, const std::string& fallback) {
  const auto at = s.config.find(key);
  return at == s.config.end() ? fallback : at->second;
}

bool Has(State& s, const std::string& key) { return s.config.contains(key); }

std::string Key(const void* device, const std::string& key) {
  return std::to_string(static_cast<const Handle*>(device)->gpu) + "." + key;
}

// Counts the call, waits as told, and says which result it has; 0 to go on. Locks the state.
class Call {
 public:
  Call(const char* symbol, const void* device) : s_(TheState()), lock_(s_.mutex) {
    Reload(s_);
    ++s_.calls[symbol];
    const int delay = std::stoi(Get(s_, std::string("delay.") + symbol, "0"));
    result = std::stoi(Get(s_, std::string("rc.") + symbol, "0"));
    if (device != nullptr) {
      result = std::stoi(Get(s_, Key(device, std::string("rc.") + symbol), std::to_string(result)));
      result = std::stoi(Get(s_, Key(device, "rc"), std::to_string(result)));
    }
    if (result == 0 && !s_.initialized && std::strcmp(symbol, "nvmlInit_v2") != 0) result = 1;
    if (delay > 0) {
      lock_.unlock();
      std::this_thread::sleep_for(std::chrono::milliseconds(delay));
      lock_.lock();
    }
  }
  State& state() { return s_; }
  int result = 0;

 private:
  State& s_;
  std::unique_lock<std::mutex> lock_;
};

int Text(const char* symbol, const void* device, const std::string& key,
         const std::string& fallback, char* out, unsigned length) {
  Call call(symbol, device);
  if (call.result != 0) return call.result;
  const std::string value = Get(call.state(), device == nullptr ? key : Key(device, key), fallback);
  if (value.size() + 1 > length) return 7;
  std::memcpy(out, value.c_str(), value.size() + 1);
  return 0;
}

// 3 (not supported) when there is no such number.
int Number(const char* symbol, const void* device, const std::string& key, const char* fallback,
           unsigned* out) {
  Call call(symbol, device);
  if (call.result != 0) return call.result;
  const std::string value = Get(call.state(), Key(device, key), fallback);
  if (value.empty()) return 3;
  *out = static_cast<unsigned>(std::stoul(value));
  return 0;
}

template <typename T>
void Put(void* base, size_t offset, T value) {
  std::memcpy(static_cast<char*>(base) + offset, &value, sizeof value);
}

template <typename T>
T Take(const void* base, size_t offset) {
  T value;
  std::memcpy(&value, static_cast<const char*>(base) + offset, sizeof value);
  return value;
}

struct Mig {
  unsigned gi = 0;
  std::string profile;
  uint64_t total = 0, used = 0;
};

bool GetMig(State& s, int gpu, int index, Mig& out) {
  const std::string key = std::to_string(gpu) + ".mig." + std::to_string(index);
  if (!s.config.contains(key)) return false;
  std::istringstream(s.config[key]) >> out.gi >> out.profile >> out.total >> out.used;
  return true;
}

}  // namespace

extern "C" {

// For tests: how often a function was called since the start or the last reset, which also forgets
// which events were given.
unsigned long long fakeNvmlCalls(const char* symbol) {
  const std::lock_guard lock(TheState().mutex);
  unsigned long long sum = 0;
  for (const auto& [name, count] : TheState().calls) {
    if (*symbol == '\0' || name == symbol) sum += count;
  }
  return sum;
}
void fakeNvmlResetCalls() {
  const std::lock_guard lock(TheState().mutex);
  TheState().calls.clear();
  TheState().xids_given = 0;
}

// For tests: whether somebody holds the library open.
int fakeNvmlOpen() {
  const std::lock_guard lock(TheState().mutex);
  return TheState().initialized ? 1 : 0;
}

int nvmlInit_v2() {
  Call call("nvmlInit_v2", nullptr);
  if (call.result == 0) call.state().initialized = true;
  return call.result;
}
int nvmlShutdown() {
  Call call("nvmlShutdown", nullptr);
  call.state().initialized = false;
  return call.result;
}
const char* nvmlErrorString(int result) {
  return result == 15 ? "GPU is lost" : result == 9 ? "Driver Not Loaded" : "Some Error";
}
int nvmlSystemGetDriverVersion(char* out, unsigned n) {
  return Text("nvmlSystemGetDriverVersion", nullptr, "driver", "550.90.07", out, n);
}
int nvmlSystemGetNVMLVersion(char* out, unsigned n) {
  return Text("nvmlSystemGetNVMLVersion", nullptr, "nvml", "12.550.90.07", out, n);
}
int nvmlSystemGetCudaDriverVersion_v2(int* out) {
  Call call("nvmlSystemGetCudaDriverVersion_v2", nullptr);
  *out = 12040;
  return call.result;
}
int nvmlDeviceGetCount_v2(unsigned* out) {
  Call call("nvmlDeviceGetCount_v2", nullptr);
  if (call.result == 0) *out = static_cast<unsigned>(std::stoul(Get(call.state(), "gpus", "0")));
  return call.result;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** out) {
  if (index >= kMaxGpus) return 2;
  void* handle = &TheState().handles[index][0];
  Call call("nvmlDeviceGetHandleByIndex_v2", handle);
  if (call.result == 0) *out = handle;
  return call.result;
}

int nvmlDeviceGetName(void* d, char* out, unsigned n) {
  const auto* handle = static_cast<Handle*>(d);
  if (handle->mig < 0) return Text("nvmlDeviceGetName", d, "name", "NVIDIA H200", out, n);
  Call call("nvmlDeviceGetName", d);
  Mig mig;
  if (!GetMig(call.state(), handle->gpu, handle->mig, mig)) return 6;
  const std::string name = "NVIDIA H200 MIG " + mig.profile;
  std::memcpy(out, name.c_str(), name.size() + 1);
  return 0;
}
int nvmlDeviceGetUUID(void* d, char* out, unsigned n) {
  const auto [gpu, mig] = *static_cast<Handle*>(d);
  if (mig >= 0) {
    return Text("nvmlDeviceGetUUID", d, "mig." + std::to_string(mig) + ".uuid",
                "MIG-0000000" + std::to_string(gpu) + "-" + std::to_string(mig), out, n);
  }
  return Text("nvmlDeviceGetUUID", d, "uuid", "GPU-0000000" + std::to_string(gpu), out, n);
}
int nvmlDeviceGetSerial(void* d, char* out, unsigned n) {
  return Text("nvmlDeviceGetSerial", d, "serial", "16500", out, n);
}
int nvmlDeviceGetVbiosVersion(void* d, char* out, unsigned n) {
  return Text("nvmlDeviceGetVbiosVersion", d, "vbios", "96.00", out, n);
}
int nvmlDeviceGetInforomImageVersion(void* d, char* out, unsigned n) {
  return Text("nvmlDeviceGetInforomImageVersion", d, "inforom", "G520", out, n);
}
int nvmlDeviceGetInforomVersion(void* d, int which, char* out, unsigned n) {
  return Text("nvmlDeviceGetInforomVersion", d, "inforom." + std::to_string(which), "2.1", out, n);
}
int nvmlDeviceGetPciInfo_v3(void* d, void* out) {
  Call call("nvmlDeviceGetPciInfo_v3", d);
  if (call.result != 0) return call.result;
  const int gpu = static_cast<Handle*>(d)->gpu;
  const std::string bus =
      Get(call.state(), Key(d, "bus"), "00000000:" + std::to_string(10 + gpu) + ":00.0");
  std::memset(out, 0, 68);
  std::memcpy(static_cast<char*>(out) + 36, bus.c_str(), bus.size());
  return 0;
}
int nvmlDeviceGetMinorNumber(void* d, unsigned* out) {
  const std::string gpu = std::to_string(static_cast<Handle*>(d)->gpu);
  return Number("nvmlDeviceGetMinorNumber", d, "minor", gpu.c_str(), out);
}
int nvmlDeviceGetBrand(void* d, unsigned* out) {
  return Number("nvmlDeviceGetBrand", d, "brand", "14", out);
}

#ifndef OLD_DRIVER
int nvmlDeviceGetMigMode(void* d, unsigned* current, unsigned* pending) {
  Call call("nvmlDeviceGetMigMode", d);
  if (call.result != 0) return call.result;
  Mig mig;
  *current = *pending = GetMig(call.state(), static_cast<Handle*>(d)->gpu, 0, mig) ? 1 : 0;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(void* d, unsigned* out) {
  return Number("nvmlDeviceGetMaxMigDeviceCount", d, "max_mig", "7", out);
}
int nvmlDeviceGetMigDeviceHandleByIndex(void* d, unsigned index, void** out) {
  Call call("nvmlDeviceGetMigDeviceHandleByIndex", d);
  if (call.result != 0) return call.result;
  const int gpu = static_cast<Handle*>(d)->gpu;
  Mig mig;
  if (index >= kMaxMig || !GetMig(call.state(), gpu, static_cast<int>(index), mig)) return 6;
  *out = &call.state().handles[gpu][index + 1];
  return 0;
}
int nvmlDeviceGetGpuInstanceId(void* d, unsigned* out) {
  Call call("nvmlDeviceGetGpuInstanceId", d);
  const auto* handle = static_cast<Handle*>(d);
  Mig mig;
  if (!GetMig(call.state(), handle->gpu, handle->mig, mig)) return 6;
  *out = mig.gi;
  return 0;
}
int nvmlDeviceGetMemoryInfo_v2(void* d, void* out) {
  Call call("nvmlDeviceGetMemoryInfo_v2", d);
  if (call.result != 0) return call.result;
  if (Take<uint32_t>(out, 0) != 0x2000028) return 25;
  const auto* handle = static_cast<Handle*>(d);
  uint64_t total = std::stoull(Get(call.state(), Key(d, "fb_total"), "143771"));
  uint64_t used = std::stoull(Get(call.state(), Key(d, "fb_used"), "1000"));
  const uint64_t reserved = std::stoull(Get(call.state(), Key(d, "fb_reserved"), "600"));
  Mig mig;
  if (handle->mig >= 0 && GetMig(call.state(), handle->gpu, handle->mig, mig)) {
    total = mig.total;
    used = mig.used;
  }
  Put(out, 8, total << 20);
  Put(out, 16, reserved << 20);
  Put(out, 24, (total - used - reserved) << 20);
  Put(out, 32, used << 20);
  return 0;
}
#endif
int nvmlDeviceGetMemoryInfo(void* d, void* out) {
  Call call("nvmlDeviceGetMemoryInfo", d);
  if (call.result != 0) return call.result;
  Put(out, 0, uint64_t{16384} << 20);
  Put(out, 8, uint64_t{16000} << 20);
  Put(out, 16, uint64_t{384} << 20);
  return 0;
}

int nvmlDeviceGetClockInfo(void* d, int type, unsigned* out) {
  return type == 1 ? Number("nvmlDeviceGetClockInfo", d, "sm_clock", "1980", out)
                   : Number("nvmlDeviceGetClockInfo", d, "mem_clock", "3201", out);
}
int nvmlDeviceGetMaxClockInfo(void* d, int, unsigned* out) {
  return Number("nvmlDeviceGetMaxClockInfo", d, "max_clock", "3201", out);
}
int nvmlDeviceGetTemperature(void* d, int, unsigned* out) {
  return Number("nvmlDeviceGetTemperature", d, "temp", "45", out);
}
int nvmlDeviceGetTemperatureThreshold(void* d, int type, unsigned* out) {
  constexpr const char* kDefaults[] = {"92", "89", "95", "85"};
  return Number("nvmlDeviceGetTemperatureThreshold", d, "threshold." + std::to_string(type),
                kDefaults[type & 3], out);
}
int nvmlDeviceGetPowerUsage(void* d, unsigned* out) {
  return Number("nvmlDeviceGetPowerUsage", d, "power_mw", "123456", out);
}
int nvmlDeviceGetEnforcedPowerLimit(void* d, unsigned* out) {
  return Number("nvmlDeviceGetEnforcedPowerLimit", d, "limit_mw", "700000", out);
}
int nvmlDeviceGetUtilizationRates(void* d, void* out) {
  Call call("nvmlDeviceGetUtilizationRates", d);
  if (call.result != 0) return call.result;
  if (Has(call.state(), Key(d, "mig.0"))) return 3;
  Put(out, 0, static_cast<uint32_t>(std::stoul(Get(call.state(), Key(d, "util"), "37"))));
  Put(out, 4, static_cast<uint32_t>(std::stoul(Get(call.state(), Key(d, "mem_util"), "12"))));
  return 0;
}
int nvmlDeviceGetEncoderUtilization(void* d, unsigned* out, unsigned* period) {
  *period = 167000;
  return Number("nvmlDeviceGetEncoderUtilization", d, "enc", "0", out);
}
int nvmlDeviceGetDecoderUtilization(void* d, unsigned* out, unsigned* period) {
  *period = 167000;
  return Number("nvmlDeviceGetDecoderUtilization", d, "dec", "3", out);
}
int nvmlDeviceGetPcieReplayCounter(void* d, unsigned* out) {
  return Number("nvmlDeviceGetPcieReplayCounter", d, "replay", "0", out);
}
int nvmlDeviceGetCurrPcieLinkGeneration(void* d, unsigned* out) {
  return Number("nvmlDeviceGetCurrPcieLinkGeneration", d, "gen", "5", out);
}
int nvmlDeviceGetCurrPcieLinkWidth(void* d, unsigned* out) {
  return Number("nvmlDeviceGetCurrPcieLinkWidth", d, "width", "16", out);
}
int nvmlDeviceGetMaxPcieLinkGeneration(void* d, unsigned* out) {
  return Number("nvmlDeviceGetMaxPcieLinkGeneration", d, "max_gen", "5", out);
}
int nvmlDeviceGetMaxPcieLinkWidth(void* d, unsigned* out) {
  return Number("nvmlDeviceGetMaxPcieLinkWidth", d, "max_width", "16", out);
}
int nvmlDeviceGetPowerManagementLimit(void* d, unsigned* out) {
  return Number("nvmlDeviceGetPowerManagementLimit", d, "limit_mw", "700000", out);
}
int nvmlDeviceGetPerformanceState(void* d, unsigned* out) {
  return Number("nvmlDeviceGetPerformanceState", d, "pstate", "0", out);
}
int nvmlDeviceGetPersistenceMode(void* d, unsigned* out) {
  return Number("nvmlDeviceGetPersistenceMode", d, "persistence", "1", out);
}
int nvmlDeviceGetComputeMode(void* d, unsigned* out) {
  return Number("nvmlDeviceGetComputeMode", d, "compute_mode", "0", out);
}
int nvmlDeviceGetEccMode(void* d, unsigned* current, unsigned* pending) {
  *pending = 0;
  return Number("nvmlDeviceGetEccMode", d, "ecc", "1", current);
}
int nvmlDeviceGetBAR1MemoryInfo(void* d, void* out) {
  Call call("nvmlDeviceGetBAR1MemoryInfo", d);
  if (call.result != 0) return call.result;
  Put(out, 0, uint64_t{262144} << 20);
  Put(out, 8, uint64_t{262100} << 20);
  Put(out, 16, uint64_t{44} << 20);
  return 0;
}
int nvmlDeviceGetGridLicensableFeatures_v4(void* d, void* out) {
  Call call("nvmlDeviceGetGridLicensableFeatures_v4", d);
  if (call.result == 0) Put(out, 0, uint32_t{0});  // no licences on bare metal
  return call.result;
}
int nvmlDeviceGetFanSpeed(void* d, unsigned* out) {
  return Number("nvmlDeviceGetFanSpeed", d, "fan", "", out);
}
#ifdef OLD_DRIVER
int nvmlDeviceGetCurrentClocksThrottleReasons(void* d, unsigned long long* out) {
  Call call("nvmlDeviceGetCurrentClocksThrottleReasons", d);
#else
int nvmlDeviceGetCurrentClocksEventReasons(void* d, unsigned long long* out) {
  Call call("nvmlDeviceGetCurrentClocksEventReasons", d);
#endif
  if (call.result == 0) *out = std::stoull(Get(call.state(), Key(d, "reasons"), "4"));
  return call.result;
}

int nvmlDeviceGetFieldValues(void* d, int count, void* values) {
  Call call("nvmlDeviceGetFieldValues", d);
  if (call.result != 0) return call.result;
  for (int i = 0; i < count; ++i) {
    char* value = static_cast<char*>(values) + 40 * i;
    const auto id = Take<uint32_t>(value, 0);
    const auto scope = Take<uint32_t>(value, 4);
    std::string key = Key(d, "field." + std::to_string(id));
    if (scope != 0 && scope != 0xFFFFFFFF) key += "." + std::to_string(scope);
    std::string text = Get(call.state(), key, "");
    if (scope == 0xFFFFFFFF) text = Get(call.state(), key + ".all", text);
    if (text.starts_with('@'))
      text = std::to_string(static_cast<uint64_t>(Now() * std::stod(text.substr(1))));
    Put(value, 28, text.empty() ? 3 : 0);
    if (text.empty()) continue;
    const bool is_double = text.find('.') != std::string::npos;
    Put(value, 24, uint32_t{is_double ? 0u : id == 82 ? 1u : 3u});
    if (is_double) Put(value, 32, std::stod(text));
    if (!is_double && id == 82) Put(value, 32, static_cast<uint32_t>(std::stoul(text)));
    if (!is_double && id != 82) Put(value, 32, static_cast<uint64_t>(std::stoull(text)));
  }
  return 0;
}
int nvmlDeviceGetNvLinkState(void* d, unsigned link, unsigned* active) {
  Call call("nvmlDeviceGetNvLinkState", d);
  if (call.result != 0) return call.result;
  if (link >= std::stoul(Get(call.state(), Key(d, "links"), "0"))) return 2;
  *active = 1;
  return 0;
}
int nvmlDeviceGetNvLinkErrorCounter(void* d, unsigned link, int kind, unsigned long long* out) {
  Call call("nvmlDeviceGetNvLinkErrorCounter", d);
  *out = link * 10 + static_cast<unsigned>(kind);
  return call.result;
}
int nvmlDeviceGetP2PStatus(void* d, void* other, int about, int* out) {
  Call call("nvmlDeviceGetP2PStatus", d);
  if (call.result != 0) return call.result;
  if (about != 2) return 2;
  const std::string peer = std::to_string(static_cast<Handle*>(other)->gpu);
  const std::string text = Get(call.state(), Key(d, "p2p." + peer), "");
  if (text.empty()) return 3;
  *out = std::stoi(text);
  return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void* d, unsigned* count, void* out) {
  Call call("nvmlDeviceGetComputeRunningProcesses_v3", d);
  if (call.result != 0) return call.result;
  const int mig = static_cast<Handle*>(d)->mig;
  // All processes of a partitioned GPU are told to root alone.
  if (mig < 0 && Has(call.state(), Key(d, "mig.0"))) return 4;
  const std::string key = mig < 0 ? "procs" : "procs." + std::to_string(mig);
  std::istringstream in(Get(call.state(), Key(d, key), ""));
  unsigned n = 0;
  for (std::string item; in >> item; ++n) {
    if (n >= *count) continue;
    char* process = static_cast<char*>(out) + 24 * n;
    const size_t colon = item.find(':');
    Put(process, 0, static_cast<uint32_t>(std::stoul(item.substr(0, colon))));
    Put(process, 8, static_cast<uint64_t>(std::stoull(item.substr(colon + 1))));
  }
  const bool fits = n <= *count;
  *count = n;
  return fits ? 0 : 7;
}

int nvmlEventSetCreate(void** out) {
  Call call("nvmlEventSetCreate", nullptr);
  *out = &TheState();
  return call.result;
}
int nvmlEventSetFree(void*) { return Call("nvmlEventSetFree", nullptr).result; }
int nvmlDeviceRegisterEvents(void* d, unsigned long long types, void*) {
  return types == 8 ? Call("nvmlDeviceRegisterEvents", d).result : 2;
}
int nvmlEventSetWait_v2(void*, void* data, unsigned timeout_ms) {
  unsigned most = 50;
  {
    const std::lock_guard lock(TheState().mutex);
    Reload(TheState());
    most = static_cast<unsigned>(std::stoul(Get(TheState(), "event_wait_ms", "50")));
  }
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(std::min(timeout_ms, most));
  do {
    {
      Call call("nvmlEventSetWait_v2", nullptr);
      if (call.result != 0) return call.result;
      State& s = call.state();
      std::istringstream in(Get(s, "xids", ""));
      std::string item;
      for (size_t i = 0; i <= s.xids_given; ++i) {
        if (!(in >> item)) item.clear();
      }
      if (!item.empty()) {
        ++s.xids_given;
        const size_t colon = item.find(':');
        void* device = &s.handles[std::stoi(item.substr(0, colon))][0];
        Put(data, 0, device);
        Put(data, 8, uint64_t{8});
        Put(data, 16, static_cast<uint64_t>(std::stoull(item.substr(colon + 1))));
        const size_t second = item.find(':', colon + 1);
        const bool none = second == std::string::npos;
        Put(data, 24,
            none ? uint32_t{0xFFFFFFFF}
                 : static_cast<uint32_t>(std::stoul(item.substr(second + 1))));
        return 0;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  } while (std::chrono::steady_clock::now() < end);
  return 10;
}

#ifndef OLD_DRIVER
int nvmlGpmQueryDeviceSupport(void* d, void* support) {
  Call call("nvmlGpmQueryDeviceSupport", d);
  if (Take<uint32_t>(support, 0) != 1) return 25;
  Put(support, 4, uint32_t{Get(call.state(), Key(d, "gpm"), "1") == "1" ? 1u : 0u});
  return call.result;
}
// A sample: which GPU, which instance, the how many-th.
struct Sample {
  int gpu = -1;
  int instance = -1;
  double tick = 0;
  double time = 0;
  uint64_t bytes = 0;
};
int nvmlGpmSampleAlloc(void** out) {
  *out = new Sample;
  return Call("nvmlGpmSampleAlloc", nullptr).result;
}
int nvmlGpmSampleFree(void* sample) {
  delete static_cast<Sample*>(sample);
  return Call("nvmlGpmSampleFree", nullptr).result;
}
int nvmlGpmSampleGet(void* d, void* out) {
  Call call("nvmlGpmSampleGet", d);
  const int gpu = static_cast<Handle*>(d)->gpu;
  if (call.result != 0) return call.result;
  Sample sample{gpu, -1, ++call.state().ticks[std::to_string(gpu)], Now()};
  if (const char* path = std::getenv("FAKE_NVML_CONFIG")) WorkOfCuda(path, &sample.bytes);
  *static_cast<Sample*>(out) = sample;
  return 0;
}
int nvmlGpmMigSampleGet(void* d, unsigned gi, void* out) {
  Call call("nvmlGpmMigSampleGet", d);
  const int gpu = static_cast<Handle*>(d)->gpu;
  const std::string key = std::to_string(gpu) + "." + std::to_string(gi);
  if (call.result == 0)
    *static_cast<Sample*>(out) = {gpu, static_cast<int>(gi), ++call.state().ticks[key]};
  return call.result;
}
int nvmlGpmMetricsGet(void* get) {
  Call call("nvmlGpmMetricsGet", nullptr);
  if (call.result != 0) return call.result;
  if (Take<uint32_t>(get, 0) != 1) return 25;
  const auto* first = Take<Sample*>(get, 8);
  const auto* second = Take<Sample*>(get, 16);
  if (first->gpu != second->gpu || first->instance != second->instance ||
      second->tick <= first->tick)
    return 2;
  for (uint32_t i = 0; i < Take<uint32_t>(get, 4); ++i) {
    char* metric = static_cast<char*>(get) + 24 + 40 * i;
    std::string key = std::to_string(first->gpu) + ".gpm.";
    if (first->instance >= 0) key += std::to_string(first->instance) + ".";
    key += std::to_string(Take<uint32_t>(metric, 0));
    const std::string text = Get(call.state(), key, "");
    Put(metric, 4, text.empty() ? 3 : 0);
    const double moved =
        second->bytes > first->bytes ? static_cast<double>(second->bytes - first->bytes) : 0;
    if (text.starts_with('@')) Put(metric, 8, moved / (second->time - first->time) / 1048576);
    if (!text.empty() && !text.starts_with('@')) Put(metric, 8, std::stod(text));
  }
  return 0;
}
#endif

}  // extern "C"
