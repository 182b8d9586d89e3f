// Collectors that count the lines of tables of /proc/net: arp and udp_queues.

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/collectors/collectors.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

class Arp final : public Collector {
 public:
  Arp(const Machine& machine, DeviceFilter filter, FamilySet& out)
      : file_(machine.roots.procfs + "/net/arp"),
        filter_(std::move(filter)),
        entries_(
            out.Get("node_arp_entries", "ARP entries by device", MetricType::kGauge, {"device"})) {}

  Result<void> Update() override {
    std::string_view text = TRY(file_.Read());
    counts_.clear();
    std::string_view line;
    NextLine(text, line);  // the heading
    while (NextLine(text, line)) {
      // The device is the sixth and last field.
      std::string_view device;
      for (int i = 0; i < 6; ++i) device = NextField(line);
      if (!device.empty() && !filter_.Ignored(device)) Count(device);
    }
    for (const auto& [device, count] : counts_) entries_.Set({device}, static_cast<double>(count));
    return {};
  }

 private:
  void Count(std::string_view device) {
    const auto at = std::find_if(counts_.begin(), counts_.end(),
                                 [&](const auto& entry) { return entry.first == device; });
    if (at != counts_.end()) {
      ++at->second;
    } else {
      counts_.emplace_back(device, 1);
    }
  }

  ProcFile file_;
  RememberingFilter filter_;
  Family& entries_;
  std::vector<std::pair<std::string_view, uint64_t>> counts_;  // few devices
};

class UdpQueues final : public Collector {
 public:
  UdpQueues(const Machine& machine, FamilySet& out)
      : v4_(machine.roots.procfs + "/net/udp"),
        v6_(machine.roots.procfs + "/net/udp6"),
        queues_(out.Get("node_udp_queues",
                        "Number of allocated memory in the kernel for UDP datagrams in bytes.",
                        MetricType::kGauge, {"ip", "queue"})) {}

  Result<void> Update() override {
    Result<void> v4 = Set(v4_, "v4");
    const Result<void> v6 = Set(v6_, "v6");
    if (!v4 && !v6) return v4;
    return {};
  }

 private:
  // sl local_address rem_address st tx_queue:rx_queue ...
  Result<void> Set(ProcFile& file, std::string_view ip) {
    std::string_view text = TRY(file.Read());
    double tx = 0;
    double rx = 0;
    std::string_view line;
    NextLine(text, line);
    while (NextLine(text, line)) {
      for (int i = 0; i < 4; ++i) NextField(line);
      const std::string_view queues = NextField(line);
      const size_t colon = queues.find(':');
      if (colon == std::string_view::npos) continue;
      tx += static_cast<double>(base::ParseInt<uint64_t>(queues.substr(0, colon), 16).value_or(0));
      rx += static_cast<double>(base::ParseInt<uint64_t>(queues.substr(colon + 1), 16).value_or(0));
    }
    queues_.Set({ip, "rx"}, rx);
    queues_.Set({ip, "tx"}, tx);
    return {};
  }

  ProcFile v4_;
  ProcFile v6_;
  Family& queues_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeArp(const Machine& machine, const FlagValues& flags,
                                           FamilySet& out) {
  return std::make_unique<Arp>(machine, TRY(DeviceFilter::FromFlags(flags, "collector.arp.device")),
                               out);
}

Result<std::unique_ptr<Collector>> MakeUdpQueues(const Machine& machine, const FlagValues&,
                                                 FamilySet& out) {
  return std::make_unique<UdpQueues>(machine, out);
}

}  // namespace slurmscope::agent
