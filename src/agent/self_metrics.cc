#include "agent/self_metrics.h"

#include <sys/resource.h>

#include <string>

#include "agent/scan.h"
#include "base/process_stats.h"

namespace slurmscope::agent {
namespace {

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
                                 MetricType::kGauge)) {}

void SelfMetrics::Update() {
  families_.Begin();
  const base::ProcessStats stats = base::ReadProcessStats();
  cpu_.Set(stats.cpu_seconds);
  start_.Set(stats.start_time_seconds);
  resident_.Set(static_cast<double>(stats.resident_bytes));
  virtual_.Set(static_cast<double>(stats.virtual_bytes));
  open_fds_.Set(static_cast<double>(stats.open_fds));
  max_fds_.Set(static_cast<double>(stats.max_fds));
  virtual_max_.Set(Limit(RLIMIT_AS));
  if (const auto text = netstat_.Read()) {
    const auto [in, out] = NetworkOctets(*text);
    if (in >= 0) received_.Set(in);
    if (out >= 0) transmitted_.Set(out);
  }
}

}  // namespace slurmscope::agent
