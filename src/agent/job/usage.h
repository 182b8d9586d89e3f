#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "agent/job/cgroup_path.h"
#include "model/metadata.h"

namespace slurmscope::agent::job {

// What is known about the usage of a cgroup, in base units. The order of kMeasures.
enum class Measure : uint8_t {
  kCpuUser,
  kCpuSystem,
  kCpuTotal,
  kMemoryRss,
  kMemoryCache,
  kMemoryShmem,
  kMemoryUsed,
  kMemoryTotal,
  kMemoryFails,
  kSwapUsed,
  kSwapTotal,
  kSwapFails,
  kMemoryPeak,
  kOomKills,
  kCpuThrottled,
  kIoReadBytes,
  kIoWrittenBytes,
  kIoReads,
  kIoWrites,
  kPids,
  kPidsMax,
  kPidsFails,
  kCpuWaiting,
  kIoWaiting,
  kIoStalled,
  kMemoryWaiting,
  kMemoryStalled,
  kCount
};

// NaN: unknown.
using Usage = std::array<double, static_cast<size_t>(Measure::kCount)>;
inline double& At(Usage& usage, Measure measure) { return usage[static_cast<size_t>(measure)]; }
inline double At(const Usage& usage, Measure measure) {
  return usage[static_cast<size_t>(measure)];
}

struct MeasureSpec {
  std::string_view name;  // of the metric
  std::string_view help;
  model::MetricType type;
};
// By Measure. The first are those of the cgroup_exporter that jobstats uses (gauges all), the
// others follow its scheme and node_exporter's pressure metrics.
std::span<const MeasureSpec> Measures();

// The hierarchies of cgroup v1 that hold something of use. One of v2 holds all.
enum class Controller : uint8_t {
  kCpuacct,
  kCpu,
  kMemory,
  kCpuset,
  kBlkio,
  kPids,
  kFreezer,
  kDevices
};
inline constexpr std::array<std::string_view, 8> kControllerNames = {
    "cpuacct", "cpu", "memory", "cpuset", "blkio", "pids", "freezer", "devices"};

// A file of a cgroup, and how its text becomes usage. Formats:
// https://docs.kernel.org/admin-guide/cgroup-v1/ and .../cgroup-v2.html. Parsers take any bytes:
// what is not understood leaves the usage as it is.
struct UsageFile {
  std::string_view name;
  Controller controller;  // v1
  Level deepest;          // read down to this level; below it is too dear or says nothing new
  void (*parse)(std::string_view text, Usage& usage);
  // Counts what is in the cgroup itself, not what is below: read of tasks only, for the sum.
  bool alone = false;
};
std::span<const UsageFile> UsageFiles(bool unified);

}  // namespace slurmscope::agent::job
