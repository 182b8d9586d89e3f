#include "agent/self_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

double BootSeconds() {
  ProcFile stat("/proc/stat");
  const auto text = stat.Read();
  if (!text) return 0;
  std::string_view rest = *text;
  for (std::string_view line; NextLine(rest, line);) {
    if (NextField(line) == "btime") return static_cast<double>(NextUint(line).value_or(0));
  }
  return 0;
}

// The columns InOctets and OutOctets of the IpExt lines: a line of names, then a line of values.
std::pair<double, double> NetworkOctets(std::string_view text) {
  std::pair<double, double> octets{-1, -1};
  std::string_view names;
  for (std::string_view line; NextLine(text, line);) {
    if (NextField(line) != "IpExt:") continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    for (std::string_view name; !(name = NextField(names)).empty();) {
      const auto value = NextUint(line);
      if (value && name == "InOctets") octets.first = static_cast<double>(*value);
      if (value && name == "OutOctets") octets.second = static_cast<double>(*value);
    }
    break;
  }
  return octets;
}

double Limit(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return 0;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

SelfMetrics::SelfMetrics()
    : cpu_(families_.Get("process_cpu_seconds_total",
                         "Total user and system CPU time spent in seconds.", MetricType::kCounter)),
      max_fds_(families_.Get("process_max_fds", "Maximum number of open file descriptors.",
                             MetricType::kGauge)),
      received_(families_.Get("process_network_receive_bytes_total",
                              "Number of bytes received by the process over the network.",
                              MetricType::kCounter)),
      transmitted_(families_.Get("process_network_transmit_bytes_total",
                                 "Number of bytes sent by the process over the network.",
                                 MetricType::kCounter)),
      open_fds_(families_.Get("process_open_fds", "Number of open file descriptors.",
                              MetricType::kGauge)),
      resident_(families_.Get("process_resident_memory_bytes", "Resident memory size in bytes.",
                              MetricType::kGauge)),
      start_(families_.Get("process_start_time_seconds",
                           "Start time of the process since unix epoch in seconds.",
                           MetricType::kGauge)),
      virtual_(families_.Get("process_virtual_memory_bytes", "Virtual memory size in bytes.",
                             MetricType::kGauge)),
      virtual_max_(families_.Get("process_virtual_memory_max_bytes",
                                 "Maximum amount of virtual memory available in bytes.",
                                 MetricType::kGauge)),
      fds_(::opendir("/proc/self/fd")),
      boot_seconds_(BootSeconds()) {}

void SelfMetrics::Update() {
  families_.Begin();
  UpdateStat();
  UpdateFds();
  max_fds_.Set(Limit(RLIMIT_NOFILE));
  virtual_max_.Set(Limit(RLIMIT_AS));
  if (const auto text = netstat_.Read()) {
    const auto [in, out] = NetworkOctets(*text);
    if (in >= 0) received_.Set(in);
    if (out >= 0) transmitted_.Set(out);
  }
}

void SelfMetrics::UpdateStat() {
  const auto text = stat_.Read();
  if (!text) return;
  // Field 2 is the name in parentheses and may hold anything; numbers start after the last one,
  // with field 3.
  const size_t after_name = text->rfind(')');
  if (after_name == std::string_view::npos) return;
  std::string_view rest = text->substr(after_name + 1);
  uint64_t fields[25] = {};
  for (size_t i = 3; i < 25; ++i) fields[i] = NextUint(rest).value_or(0);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  cpu_.Set(static_cast<double>(fields[14] + fields[15]) / ticks);
  start_.Set(boot_seconds_ + static_cast<double>(fields[22]) / ticks);
  virtual_.Set(static_cast<double>(fields[23]));
  resident_.Set(static_cast<double>(fields[24]) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

void SelfMetrics::UpdateFds() {
  if (!fds_) return;
  ::rewinddir(fds_.get());
  int count = 0;
  while (const dirent* entry = ::readdir(fds_.get())) count += entry->d_name[0] != '.';
  open_fds_.Set(count);
}

}  // namespace slurmscope::agent
