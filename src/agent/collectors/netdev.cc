#include <algorithm>
#include <array>

#include "agent/collectors/address_info.h"
#include "agent/collectors/collectors.h"
#include "agent/collectors/rtnetlink.h"
#include "agent/pattern.h"
#include "agent/scan.h"

namespace slurmscope::agent {
namespace {

using Stats = rtnl_link_stats64;

// A metric is the sum of one or more kernel counters.
struct Counter {
  std::string_view name;  // between node_network_ and _total
  std::array<__u64 Stats::*, 4> parts;
};

// What /proc/net/dev shows, with its grouping of errors: also what netlink's counters are summed up
// to by default.
constexpr Counter kUsual[] = {
    {"receive_bytes", {&Stats::rx_bytes}},
    {"receive_packets", {&Stats::rx_packets}},
    {"receive_errs", {&Stats::rx_errors}},
    {"receive_drop", {&Stats::rx_dropped, &Stats::rx_missed_errors}},
    {"receive_fifo", {&Stats::rx_fifo_errors}},
    {"receive_frame",
     {&Stats::rx_frame_errors, &Stats::rx_length_errors, &Stats::rx_over_errors,
      &Stats::rx_crc_errors}},
    {"receive_compressed", {&Stats::rx_compressed}},
    {"receive_multicast", {&Stats::multicast}},
    {"transmit_bytes", {&Stats::tx_bytes}},
    {"transmit_packets", {&Stats::tx_packets}},
    {"transmit_errs", {&Stats::tx_errors}},
    {"transmit_drop", {&Stats::tx_dropped}},
    {"transmit_fifo", {&Stats::tx_fifo_errors}},
    {"transmit_colls", {&Stats::collisions}},
    {"transmit_carrier",
     {&Stats::tx_carrier_errors, &Stats::tx_aborted_errors, &Stats::tx_heartbeat_errors,
      &Stats::tx_window_errors}},
    {"transmit_compressed", {&Stats::tx_compressed}},
    {"receive_nohandler", {&Stats::rx_nohandler}},  // last: /proc/net/dev does not have it
};

constexpr Counter kDetailed[] = {
    {"receive_bytes", {&Stats::rx_bytes}},
    {"receive_packets", {&Stats::rx_packets}},
    {"receive_errors", {&Stats::rx_errors}},
    {"receive_dropped", {&Stats::rx_dropped}},
    {"multicast", {&Stats::multicast}},
    {"collisions", {&Stats::collisions}},
    {"receive_length_errors", {&Stats::rx_length_errors}},
    {"receive_over_errors", {&Stats::rx_over_errors}},
    {"receive_crc_errors", {&Stats::rx_crc_errors}},
    {"receive_frame_errors", {&Stats::rx_frame_errors}},
    {"receive_fifo_errors", {&Stats::rx_fifo_errors}},
    {"receive_missed_errors", {&Stats::rx_missed_errors}},
    {"receive_compressed", {&Stats::rx_compressed}},
    {"receive_nohandler", {&Stats::rx_nohandler}},
    {"transmit_bytes", {&Stats::tx_bytes}},
    {"transmit_packets", {&Stats::tx_packets}},
    {"transmit_errors", {&Stats::tx_errors}},
    {"transmit_dropped", {&Stats::tx_dropped}},
    {"transmit_aborted_errors", {&Stats::tx_aborted_errors}},
    {"transmit_carrier_errors", {&Stats::tx_carrier_errors}},
    {"transmit_fifo_errors", {&Stats::tx_fifo_errors}},
    {"transmit_heartbeat_errors", {&Stats::tx_heartbeat_errors}},
    {"transmit_window_errors", {&Stats::tx_window_errors}},
    {"transmit_compressed", {&Stats::tx_compressed}},
};

// The columns of /proc/net/dev after the name; with --collector.netdev.enable-detailed-metrics
// errors and drops have their long names.
constexpr Counter kProcDetailed[] = {
    {"receive_bytes", {&Stats::rx_bytes}},
    {"receive_packets", {&Stats::rx_packets}},
    {"receive_errors", {&Stats::rx_errors}},
    {"receive_dropped", {&Stats::rx_dropped}},
    {"receive_fifo", {&Stats::rx_fifo_errors}},
    {"receive_frame", {&Stats::rx_frame_errors}},
    {"receive_compressed", {&Stats::rx_compressed}},
    {"receive_multicast", {&Stats::multicast}},
    {"transmit_bytes", {&Stats::tx_bytes}},
    {"transmit_packets", {&Stats::tx_packets}},
    {"transmit_errors", {&Stats::tx_errors}},
    {"transmit_dropped", {&Stats::tx_dropped}},
    {"transmit_fifo", {&Stats::tx_fifo_errors}},
    {"transmit_colls", {&Stats::collisions}},
    {"transmit_carrier", {&Stats::tx_carrier_errors}},
    {"transmit_compressed", {&Stats::tx_compressed}},
};

std::span<const Counter> Counters(bool netlink, bool detailed) {
  if (netlink)
    return detailed ? std::span<const Counter>(kDetailed) : std::span<const Counter>(kUsual);
  if (detailed) return kProcDetailed;
  return std::span<const Counter>(kUsual).first(std::size(kUsual) - 1);
}

class Netdev final : public Collector {
 public:
  struct Options {
    bool netlink;
    bool detailed;
    bool alias;
    bool addresses;
  };

  Netdev(const Machine& machine, DeviceFilter filter, Options options, FamilySet& out)
      : filter_(std::move(filter)),
        options_(options),
        counters_(Counters(options.netlink, options.detailed)),
        proc_(machine.roots.procfs + "/net/dev"),
        class_net_(machine.roots.sysfs + "/class/net/"),
        addresses_(options.addresses ? std::make_unique<AddressInfo>(out) : nullptr) {
    std::vector<std::string_view> labels = {"device"};
    if (options.alias) labels.emplace_back("ifalias");
    for (const Counter& counter : counters_) {
      families_.push_back(&out.Get(base::StrCat("node_network_", counter.name, "_total"),
                                   base::StrCat("Network device statistic ", counter.name, "."),
                                   MetricType::kCounter, labels));
    }
  }

  Result<void> Update() override {
    TRY(options_.netlink ? ReadNetlink() : ReadProc());
    if (addresses_) TRY(addresses_->Update());
    return {};
  }

 private:
  Result<void> ReadNetlink() {
    return links_.Read(
        [this](std::string_view name, const Stats& stats) { SetDevice(name, stats); });
  }

  Result<void> ReadProc() {
    std::string_view text = TRY(proc_.Read());
    for (std::string_view line; NextLine(text, line);) {
      const size_t colon = line.rfind(':');
      if (colon == std::string_view::npos) continue;  // the two title lines
      const std::string_view name = base::TrimSpace(line.substr(0, colon));
      line.remove_prefix(colon + 1);
      Stats stats{};
      for (const Counter& column : kProcDetailed) {
        const auto value = NextUint(line);
        if (!value) return Fail(ErrorCode::kCorruption, proc_.path() + ": malformed line");
        stats.*column.parts[0] = *value;
      }
      SetDevice(name, stats);
    }
    return {};
  }

  void SetDevice(std::string_view name, const Stats& stats) {
    if (filter_.Ignored(name)) return;
    if (options_.alias) ReadAlias(name);
    for (size_t i = 0; i < counters_.size(); ++i) {
      uint64_t sum = 0;
      for (const auto part : counters_[i].parts) sum += part == nullptr ? 0 : stats.*part;
      if (options_.alias) {
        families_[i]->Set({name, alias_}, static_cast<double>(sum));
      } else {
        families_[i]->Set({name}, static_cast<double>(sum));
      }
    }
  }

  void ReadAlias(std::string_view name) {
    ProcFile file(base::StrCat(class_net_, name, "/ifalias"));
    alias_ = file.ReadTrimmed().value_or("");
  }

  RememberingFilter filter_;
  const Options options_;
  std::span<const Counter> counters_;
  std::vector<Family*> families_;
  LinkList links_;
  ProcFile proc_;
  std::string class_net_;
  std::string alias_;
  std::unique_ptr<AddressInfo> addresses_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNetdev(const Machine& machine, const FlagValues& flags,
                                              FamilySet& out) {
  return std::make_unique<Netdev>(
      machine,
      TRY(DeviceFilter::FromFlags(flags, "collector.netdev.device",
                                  "collector.netdev.device-whitelist",
                                  "collector.netdev.device-blacklist")),
      Netdev::Options{flags.Bool("collector.netdev.netlink"),
                      flags.Bool("collector.netdev.enable-detailed-metrics"),
                      flags.Bool("collector.netdev.label-ifalias"),
                      flags.Bool("collector.netdev.address-info")},
      out);
}

}  // namespace slurmscope::agent
