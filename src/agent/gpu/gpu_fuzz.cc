#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/gpu/amd.h"
#include "agent/gpu/collector.h"
#include "agent/gpu/counters.h"
#include "agent/gpu/job_map.h"
#include "agent/gpu/service.h"
#include "agent/gpu/xid_watch.h"

// Foreign bytes about GPUs: counters files, AMD's tables, mapping files, the kernel's log.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace slurmscope::agent::gpu;
  if (size == 0) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  std::vector<std::string> jobs;
  unsigned gpu = 0;
  int64_t instance = 0;
  switch (bytes[0] % 6) {
    case 0:
      (void)ParseCounters(data);
      break;
    case 1:
      (void)ParseAmdMetrics(data);
      break;
    case 2:
      ParseJobFile(data, jobs);
      (void)ParseJobFileName(data, gpu, instance);
      break;
    case 3:
      (void)ParseKernelXid(data);
      (void)KernelRecordTimeUs(data);
      break;
    case 4:
      (void)DeviceChoice::Parse(data);
      break;
    default:
      (void)ParsePauseFile(data);
      (void)ParsePciAddress(data);
  }
  return 0;
}
