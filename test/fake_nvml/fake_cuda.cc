// A libcuda.so.1 for the rehearsal of test/gpu/check.py: takes the calls of test/gpu/cuda.py, takes
// time over them, and tells the fake NVML what it does, in the file FAKE_NVML_CONFIG.work: "PID
// KIND BYTES".
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace {

std::string kind;
uint64_t moved = 0;
bool busy = false;

void Tell() {
  const char* path = std::getenv("FAKE_NVML_CONFIG");
  if (path == nullptr) return;
  const std::string file = std::string(path) + ".work", fresh = file + ".new";
  std::ofstream(fresh) << ::getpid() << " " << kind << " " << moved << "\n";
  (void)std::rename(fresh.c_str(), file.c_str());
}

void Rest(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return 0; }
int cuDeviceGet(int* out, int gpu) {
  *out = gpu;
  return gpu == 0 ? 0 : 101;
}
int cuDevicePrimaryCtxRetain(void** out, int) {
  *out = &kind;
  return 0;
}
int cuCtxSetCurrent(void*) { return 0; }
int cuModuleLoadData(void** out, const void* text) {
  *out = &kind;
  return std::strstr(static_cast<const char*>(text), ".target sm_") != nullptr ? 0 : 218;
}
int cuModuleGetFunction(void** out, void*, const char* name) {
  kind = name;
  *out = &kind;
  Tell();
  return 0;
}
int cuMemAlloc_v2(uint64_t* out, size_t size) {
  *out = 0x1000;
  return size > 0 ? 0 : 1;
}
int cuMemAllocHost_v2(void** out, size_t) {
  *out = &moved;
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void* from, size_t size) {
  if (to != 0x1000 || from != &moved) return 1;
  kind = "push";
  Rest(5);
  moved += size;
  Tell();
  return 0;
}
int cuLaunchKernel(void* function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned,
                   unsigned, unsigned, void*, void** params, void**) {
  const bool good = function == &kind && blocks > 0 && threads > 0 && threads <= 1024 && params;
  if (good && kind != "nothing" && *static_cast<uint64_t*>(params[0]) != 0x1000) return 700;
  busy = kind != "nothing";
  return good ? 0 : 1;
}
int cuCtxSynchronize() {
  if (busy) Rest(1);
  busy = false;
  return 0;
}

}  // extern "C"
