#include <sys/stat.h>

#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/pattern.h"

namespace slurmscope::agent {
namespace {

constexpr AttrSpec kNumbers[] = {
    {"addr_assign_type", "node_network_address_assign_type",
     "Network device property: address_assign_type", MetricType::kGauge},
    {"carrier", "node_network_carrier", "Network device property: carrier", MetricType::kGauge},
    {"carrier_changes", "node_network_carrier_changes_total",
     "Network device property: carrier_changes_total", MetricType::kCounter},
    {"carrier_down_count", "node_network_carrier_down_changes_total",
     "Network device property: carrier_down_changes_total", MetricType::kCounter},
    {"carrier_up_count", "node_network_carrier_up_changes_total",
     "Network device property: carrier_up_changes_total", MetricType::kCounter},
    {"dev_id", "node_network_device_id", "Network device property: device_id", MetricType::kGauge},
    {"dormant", "node_network_dormant", "Network device property: dormant", MetricType::kGauge},
    {"flags", "node_network_flags", "Network device property: flags", MetricType::kGauge},
    {"ifindex", "node_network_iface_id", "Network device property: iface_id", MetricType::kGauge},
    {"iflink", "node_network_iface_link", "Network device property: iface_link",
     MetricType::kGauge},
    {"link_mode", "node_network_iface_link_mode", "Network device property: iface_link_mode",
     MetricType::kGauge},
    {"mtu", "node_network_mtu_bytes", "Network device property: mtu_bytes", MetricType::kGauge},
    {"name_assign_type", "node_network_name_assign_type",
     "Network device property: name_assign_type", MetricType::kGauge},
    {"netdev_group", "node_network_net_dev_group", "Network device property: net_dev_group",
     MetricType::kGauge},
    {"type", "node_network_protocol_type", "Network device property: protocol_type",
     MetricType::kGauge},
    {"tx_queue_len", "node_network_transmit_queue_length",
     "Network device property: transmit_queue_length", MetricType::kGauge},
};

// For those who have these instead of netdev's; gauges, as node_exporter says.
constexpr AttrSpec kStatistics[] = {
    {"statistics/rx_bytes", "node_network_receive_bytes_total",
     "Network device property: receive_bytes_total", MetricType::kGauge},
    {"statistics/rx_packets", "node_network_receive_packets_total",
     "Network device property: receive_packets_total", MetricType::kGauge},
    {"statistics/rx_errors", "node_network_receive_errors_total",
     "Network device property: receive_errors_total", MetricType::kGauge},
    {"statistics/rx_dropped", "node_network_receive_dropped_total",
     "Network device property: receive_dropped_total", MetricType::kGauge},
    {"statistics/multicast", "node_network_multicast_total",
     "Network device property: multicast_total", MetricType::kGauge},
    {"statistics/collisions", "node_network_collisions_total",
     "Network device property: collisions_total", MetricType::kGauge},
    {"statistics/rx_length_errors", "node_network_receive_length_errors_total",
     "Network device property: receive_length_errors_total", MetricType::kGauge},
    {"statistics/rx_over_errors", "node_network_receive_over_errors_total",
     "Network device property: receive_over_errors_total", MetricType::kGauge},
    {"statistics/rx_crc_errors", "node_network_receive_crc_errors_total",
     "Network device property: receive_crc_errors_total", MetricType::kGauge},
    {"statistics/rx_frame_errors", "node_network_receive_frame_errors_total",
     "Network device property: receive_frame_errors_total", MetricType::kGauge},
    {"statistics/rx_fifo_errors", "node_network_receive_fifo_errors_total",
     "Network device property: receive_fifo_errors_total", MetricType::kGauge},
    {"statistics/rx_missed_errors", "node_network_receive_missed_errors_total",
     "Network device property: receive_missed_errors_total", MetricType::kGauge},
    {"statistics/rx_compressed", "node_network_receive_compressed_total",
     "Network device property: receive_compressed_total", MetricType::kGauge},
    {"statistics/rx_nohandler", "node_network_receive_nohandler_total",
     "Network device property: receive_nohandler_total", MetricType::kGauge},
    {"statistics/tx_bytes", "node_network_transmit_bytes_total",
     "Network device property: transmit_bytes_total", MetricType::kGauge},
    {"statistics/tx_packets", "node_network_transmit_packets_total",
     "Network device property: transmit_packets_total", MetricType::kGauge},
    {"statistics/tx_errors", "node_network_transmit_errors_total",
     "Network device property: transmit_errors_total", MetricType::kGauge},
    {"statistics/tx_dropped", "node_network_transmit_dropped_total",
     "Network device property: transmit_dropped_total", MetricType::kGauge},
    {"statistics/tx_aborted_errors", "node_network_transmit_aborted_errors_total",
     "Network device property: transmit_aborted_errors_total", MetricType::kGauge},
    {"statistics/tx_carrier_errors", "node_network_transmit_carrier_errors_total",
     "Network device property: transmit_carrier_errors_total", MetricType::kGauge},
    {"statistics/tx_fifo_errors", "node_network_transmit_fifo_errors_total",
     "Network device property: transmit_fifo_errors_total", MetricType::kGauge},
    {"statistics/tx_heartbeat_errors", "node_network_transmit_heartbeat_errors_total",
     "Network device property: transmit_heartbeat_errors_total", MetricType::kGauge},
    {"statistics/tx_window_errors", "node_network_transmit_window_errors_total",
     "Network device property: transmit_window_errors_total", MetricType::kGauge},
    {"statistics/tx_compressed", "node_network_transmit_compressed_total",
     "Network device property: transmit_compressed_total", MetricType::kGauge},
};

struct NetDevice {
  NetDevice(const std::string& path, AttrFamilies& families)
      : numbers(path, families),
        flags(path + "/flags"),
        speed(path + "/speed"),
        address(path + "/address"),
        broadcast(path + "/broadcast"),
        duplex(path + "/duplex"),
        ifalias(path + "/ifalias"),
        operstate(path + "/operstate") {}
  AttrFiles numbers;
  std::optional<AttrFiles> statistics;
  AttrFile flags;
  AttrFile speed;  // Mbit/s; -1 or an error when unknown
  AttrFile address;
  AttrFile broadcast;
  AttrFile duplex;
  AttrFile ifalias;
  AttrFile operstate;
};

class Netclass final : public Collector {
 public:
  Netclass(const Machine& machine, Pattern ignored, bool ignore_invalid_speed, bool statistics,
           FamilySet& out)
      : ignored_(std::move(ignored)),
        ignore_invalid_speed_(ignore_invalid_speed),
        numbers_(out, kNumbers, {"device"}),
        info_(out.Get(
            "node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
            MetricType::kGauge,
            {"address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"})),
        speed_(out.Get("node_network_speed_bytes", "Network device property: speed_bytes",
                       MetricType::kGauge, {"device"})),
        up_(out.Get("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.",
                    MetricType::kGauge, {"device"})),
        devices_(machine.roots.sysfs + "/class/net") {
    if (statistics) statistics_.emplace(out, kStatistics, std::vector<std::string>{"device"});
  }

  Result<void> Update() override {
    TRY(devices_.Refresh(
        [&](const std::string& path, const std::string& name) -> std::unique_ptr<NetDevice> {
          struct stat status {};
          const bool directory = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
          if (!directory || ignored_.FoundIn(name)) return nullptr;
          auto device = std::make_unique<NetDevice>(path, numbers_);
          if (statistics_) device->statistics.emplace(path, *statistics_);
          return device;
        }));
    devices_.ForEach([&](NetDevice& device, std::string_view name) { Set(device, name); });
    return {};
  }

 private:
  void Set(NetDevice& device, std::string_view name) {
    // A device that went away since the directory was listed has no flags.
    const auto flags = device.flags.Number();
    if (!flags) return;
    device.numbers.Set({name});
    if (device.statistics) device.statistics->Set({name});
    const auto speed = device.speed.Number();
    constexpr double kBytesPerMbit = 1e6 / 8;
    if (speed && (*speed >= 0 || !ignore_invalid_speed_)) {
      speed_.Set({name}, *speed * kBytesPerMbit);
    }
    const std::string& operstate = device.operstate.Text();
    up_.Set({name}, operstate == "up" ? 1 : 0);
    const bool admin_up = (static_cast<uint64_t>(*flags) & 1) != 0;
    info_.Set({device.address.Text(), admin_up ? "up" : "down", device.broadcast.Text(), name,
               device.duplex.Text(), device.ifalias.Text(), operstate},
              1);
  }

  Pattern ignored_;
  const bool ignore_invalid_speed_;
  AttrFamilies numbers_;
  std::optional<AttrFamilies> statistics_;
  Family& info_;
  Family& speed_;
  Family& up_;
  Devices<NetDevice> devices_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeNetclass(const Machine& machine, const FlagValues& flags,
                                                FamilySet& out) {
  constexpr std::string_view kIgnored = "collector.netclass.ignored-devices";
  const bool statistics =
      flags.Bool("collector.netclass.netlink") && flags.Bool("collector.netclass_rtnl.with-stats");
  return std::make_unique<Netclass>(
      machine, TRY(Pattern::Compile(kIgnored, flags.String(kIgnored))),
      flags.Bool("collector.netclass.ignore-invalid-speed"), statistics, out);
}

}  // namespace slurmscope::agent
