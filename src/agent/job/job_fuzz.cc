#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/job/cgroup_path.h"
#include "agent/job/processes.h"
#include "agent/job/usage.h"
#include "base/strings.h"

// Foreign bytes about jobs: names of cgroups, their files, and what processes say of themselves.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace slurmscope::agent::job;
  if (size < 2) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  const bool unified = (bytes[1] & 1) != 0;
  switch (bytes[0] % 4) {
    case 0: {
      Place place;
      for (const std::string_view name : slurmscope::base::Split(data, '/')) {
        const auto next = PlaceOf(place, unified, name);
        if (!next) break;
        if (next->name.step.size() > 32 || next->name.task.size() > 32) __builtin_trap();
        place = *next;
      }
      break;
    }
    case 1: {
      Usage usage;
      usage.fill(NAN);
      const auto files = UsageFiles(unified);
      files[(bytes[1] >> 1) % files.size()].parse(data, usage);
      for (const double value : usage) {
        if (value < 0) __builtin_trap();
      }
      break;
    }
    case 2: {
      GpuList list = GpusOf(ParseEnviron(data), unified ? "0" : "batch");
      if (const auto numbering = GpuNumbering::Parse(data.substr(0, data.find('\0')))) {
        numbering->Apply(list);
      }
      if (list.minors.size() > 64 || list.uuids.size() > 64) __builtin_trap();
      break;
    }
    default: {
      std::vector<int> pids;
      ParsePids(data, 16, pids);
      if (pids.size() > 16) __builtin_trap();
      (void)ParseDevicesList(data);
      (void)ParseStepdTitle(data);
      (void)ParseStatusUid(data);
    }
  }
  return 0;
}
