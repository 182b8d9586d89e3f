#include "agent/job/usage.h"

#include <cmath>

#include "agent/scan.h"

namespace slurmscope::agent::job {
namespace {

using enum model::MetricType;

constexpr MeasureSpec kMeasures[] = {
    {"cgroup_cpu_user_seconds", "CPU time in user mode.", kGauge},
    {"cgroup_cpu_system_seconds", "CPU time in the kernel.", kGauge},
    {"cgroup_cpu_total_seconds", "CPU time.", kGauge},
    {"cgroup_memory_rss_bytes", "Anonymous memory.", kGauge},
    {"cgroup_memory_cache_bytes", "Page cache, shared memory included.", kGauge},
    {"cgroup_memory_shmem_bytes", "Shared memory and tmpfs.", kGauge},
    {"cgroup_memory_used_bytes", "Memory used.", kGauge},
    {"cgroup_memory_total_bytes", "Memory limit; absent where there is none.", kGauge},
    {"cgroup_memory_fail_count", "How often the memory limit was hit.", kGauge},
    {"cgroup_memsw_used_bytes", "Swap used; with cgroup v1 memory and swap.", kGauge},
    {"cgroup_memsw_total_bytes", "Limit of that; absent where there is none.", kGauge},
    {"cgroup_memsw_fail_count", "How often that limit was hit.", kGauge},
    {"cgroup_memory_peak_bytes", "The most memory used so far.", kGauge},
    {"cgroup_memory_oom_kills_total", "Processes killed because memory ran out.", kCounter},
    {"cgroup_cpu_throttled_seconds_total", "Time held back by a CPU quota.", kCounter},
    {"cgroup_io_read_bytes_total", "Bytes read from block devices.", kCounter},
    {"cgroup_io_written_bytes_total", "Bytes written to block devices.", kCounter},
    {"cgroup_io_reads_total", "Reads from block devices.", kCounter},
    {"cgroup_io_writes_total", "Writes to block devices.", kCounter},
    {"cgroup_pids", "Processes and threads.", kGauge},
    {"cgroup_pids_limit", "Limit of processes and threads; absent where there is none.", kGauge},
    {"cgroup_pids_limit_hits_total", "Forks refused because of that limit.", kCounter},
    {"cgroup_pressure_cpu_waiting_seconds_total", "Time in which some thread waited for a CPU.",
     kCounter},
    {"cgroup_pressure_io_waiting_seconds_total", "Time in which some thread waited for I/O.",
     kCounter},
    {"cgroup_pressure_io_stalled_seconds_total", "Time in which all threads waited for I/O.",
     kCounter},
    {"cgroup_pressure_memory_waiting_seconds_total", "Time in which some thread waited for memory.",
     kCounter},
    {"cgroup_pressure_memory_stalled_seconds_total", "Time in which all threads waited for memory.",
     kCounter},
};
static_assert(std::size(kMeasures) == static_cast<size_t>(Measure::kCount));

// v1 has the largest number of pages for "no limit".
constexpr uint64_t kNoLimit = uint64_t{1} << 62;

std::optional<uint64_t> Number(std::string_view text) { return ParseUint(base::TrimSpace(text)); }

template <Measure measure, uint64_t divisor = 1>
void One(std::string_view text, Usage& usage) {
  const auto value = Number(text);
  if (value) At(usage, measure) = static_cast<double>(*value) / static_cast<double>(divisor);
}

// "max" and v1's largest number are no limits.
template <Measure measure>
void Limit(std::string_view text, Usage& usage) {
  const auto value = Number(text);
  const bool limited = value && *value < kNoLimit;
  At(usage, measure) = limited ? static_cast<double>(*value) : NAN;
}

struct Key {
  std::string_view key;
  Measure measure;
  double divisor = 1;
};

// Lines of "key value". A value that says "no limit" makes the measure unknown.
void Keys(std::string_view text, std::span<const Key> keys, Usage& usage) {
  for (std::string_view line; NextLine(text, line);) {
    const std::string_view name = NextField(line);
    for (const Key& key : keys) {
      if (name != key.key) continue;
      if (const auto value = NextUint(line)) {
        At(usage, key.measure) =
            *value < kNoLimit ? static_cast<double>(*value) / key.divisor : NAN;
      }
      break;
    }
  }
}

constexpr double kNs = 1e9;
constexpr double kUs = 1e6;

void CpuStatV1(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"throttled_time", Measure::kCpuThrottled, kNs}};
  Keys(text, kKeys, usage);
}

void MemoryStatV1(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"total_rss", Measure::kMemoryRss},
                           {"total_cache", Measure::kMemoryCache},
                           {"total_shmem", Measure::kMemoryShmem},
                           {"hierarchical_memory_limit", Measure::kMemoryTotal},
                           {"hierarchical_memsw_limit", Measure::kSwapTotal}};
  Keys(text, kKeys, usage);
}

void OomControl(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"oom_kill", Measure::kOomKills}};
  Keys(text, kKeys, usage);
}

void PidsEvents(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"max", Measure::kPidsFails}};
  Keys(text, kKeys, usage);
}

void CpuStatV2(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"usage_usec", Measure::kCpuTotal, kUs},
                           {"user_usec", Measure::kCpuUser, kUs},
                           {"system_usec", Measure::kCpuSystem, kUs},
                           {"throttled_usec", Measure::kCpuThrottled, kUs}};
  Keys(text, kKeys, usage);
}

void MemoryStatV2(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"anon", Measure::kMemoryRss},
                           {"file", Measure::kMemoryCache},
                           {"shmem", Measure::kMemoryShmem}};
  Keys(text, kKeys, usage);
}

void MemoryEvents(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"max", Measure::kMemoryFails}, {"oom_kill", Measure::kOomKills}};
  Keys(text, kKeys, usage);
}

void SwapEvents(std::string_view text, Usage& usage) {
  constexpr Key kKeys[] = {{"max", Measure::kSwapFails}};
  Keys(text, kKeys, usage);
}

// "8:0 Read 4096", one line a device and operation, "8:0 Total 1", "Total 1".
void AddBlkio(std::string_view text, Measure read, Measure written, Usage& usage) {
  double sums[2] = {0, 0};
  for (std::string_view line; NextLine(text, line);) {
    NextField(line);
    const std::string_view operation = NextField(line);
    const auto value = NextUint(line);
    if (!value) continue;
    if (operation == "Read") sums[0] += static_cast<double>(*value);
    if (operation == "Write") sums[1] += static_cast<double>(*value);
  }
  At(usage, read) = sums[0];
  At(usage, written) = sums[1];
}

void BlkioBytes(std::string_view text, Usage& usage) {
  AddBlkio(text, Measure::kIoReadBytes, Measure::kIoWrittenBytes, usage);
}

void BlkioOperations(std::string_view text, Usage& usage) {
  AddBlkio(text, Measure::kIoReads, Measure::kIoWrites, usage);
}

// "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", a line for each device.
void IoStat(std::string_view text, Usage& usage) {
  constexpr std::pair<std::string_view, Measure> kKeys[] = {{"rbytes=", Measure::kIoReadBytes},
                                                            {"wbytes=", Measure::kIoWrittenBytes},
                                                            {"rios=", Measure::kIoReads},
                                                            {"wios=", Measure::kIoWrites}};
  for (const auto& [key, measure] : kKeys) At(usage, measure) = 0;
  for (std::string_view line; NextLine(text, line);) {
    for (std::string_view field; !(field = NextField(line)).empty();) {
      for (const auto& [key, measure] : kKeys) {
        if (!field.starts_with(key)) continue;
        const auto value = ParseUint(field.substr(key.size()));
        if (value) At(usage, measure) += static_cast<double>(*value);
      }
    }
  }
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=12", and the same with "full".
void AddPressure(std::string_view text, Measure waiting, Measure stalled, Usage& usage) {
  for (std::string_view line; NextLine(text, line);) {
    const std::string_view kind = NextField(line);
    const size_t total = line.rfind("total=");
    if (total == std::string_view::npos) continue;
    const auto us = Number(line.substr(total + 6));
    if (!us) continue;
    if (kind == "some") At(usage, waiting) = static_cast<double>(*us) / kUs;
    // Of the CPU, "full" is another "some" for lack of a better: node_exporter leaves it out, too.
    if (kind == "full" && stalled != waiting) At(usage, stalled) = static_cast<double>(*us) / kUs;
  }
}

void CpuPressure(std::string_view text, Usage& usage) {
  AddPressure(text, Measure::kCpuWaiting, Measure::kCpuWaiting, usage);
}
void IoPressure(std::string_view text, Usage& usage) {
  AddPressure(text, Measure::kIoWaiting, Measure::kIoStalled, usage);
}
void MemoryPressure(std::string_view text, Usage& usage) {
  AddPressure(text, Measure::kMemoryWaiting, Measure::kMemoryStalled, usage);
}

using enum Controller;
constexpr uint64_t kNanos = 1'000'000'000;

constexpr UsageFile kFilesV1[] = {
    {"cpuacct.usage", kCpuacct, Level::kTask, One<Measure::kCpuTotal, kNanos>},
    {"cpuacct.usage_user", kCpuacct, Level::kTask, One<Measure::kCpuUser, kNanos>},
    {"cpuacct.usage_sys", kCpuacct, Level::kTask, One<Measure::kCpuSystem, kNanos>},
    {"cpu.stat", kCpu, Level::kStep, CpuStatV1},
    {"memory.usage_in_bytes", kMemory, Level::kTask, One<Measure::kMemoryUsed>},
    {"memory.max_usage_in_bytes", kMemory, Level::kTask, One<Measure::kMemoryPeak>},
    {"memory.failcnt", kMemory, Level::kTask, One<Measure::kMemoryFails>},
    {"memory.stat", kMemory, Level::kTask, MemoryStatV1},
    {"memory.memsw.usage_in_bytes", kMemory, Level::kTask, One<Measure::kSwapUsed>},
    {"memory.memsw.failcnt", kMemory, Level::kTask, One<Measure::kSwapFails>},
    {"memory.oom_control", kMemory, Level::kTask, OomControl, true},
    {"blkio.throttle.io_service_bytes_recursive", kBlkio, Level::kStep, BlkioBytes},
    {"blkio.throttle.io_serviced_recursive", kBlkio, Level::kStep, BlkioOperations},
    {"pids.current", kPids, Level::kStep, One<Measure::kPids>},
    {"pids.max", kPids, Level::kStep, Limit<Measure::kPidsMax>},
    {"pids.events", kPids, Level::kStep, PidsEvents},
};

// The controller does not matter here.
constexpr UsageFile kFilesV2[] = {
    {"cpu.stat", kCpu, Level::kTask, CpuStatV2},
    {"memory.current", kMemory, Level::kTask, One<Measure::kMemoryUsed>},
    {"memory.peak", kMemory, Level::kTask, One<Measure::kMemoryPeak>},
    {"memory.max", kMemory, Level::kTask, Limit<Measure::kMemoryTotal>},
    {"memory.stat", kMemory, Level::kTask, MemoryStatV2},
    {"memory.events", kMemory, Level::kTask, MemoryEvents},
    {"memory.swap.current", kMemory, Level::kTask, One<Measure::kSwapUsed>},
    {"memory.swap.max", kMemory, Level::kTask, Limit<Measure::kSwapTotal>},
    {"memory.swap.events", kMemory, Level::kTask, SwapEvents},
    {"io.stat", kBlkio, Level::kStep, IoStat},
    {"pids.current", kPids, Level::kStep, One<Measure::kPids>},
    {"pids.max", kPids, Level::kStep, Limit<Measure::kPidsMax>},
    {"pids.events", kPids, Level::kStep, PidsEvents},
    {"cpu.pressure", kCpu, Level::kStep, CpuPressure},
    {"io.pressure", kBlkio, Level::kStep, IoPressure},
    {"memory.pressure", kMemory, Level::kStep, MemoryPressure},
};

}  // namespace

std::span<const MeasureSpec> Measures() { return kMeasures; }

std::span<const UsageFile> UsageFiles(bool unified) {
  if (unified) return kFilesV2;
  return kFilesV1;
}

}  // namespace slurmscope::agent::job
