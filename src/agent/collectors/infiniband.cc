#include "agent/attr_file.h"
#include "agent/collectors/collectors.h"
#include "agent/devices.h"
#include "agent/pattern.h"
#include "base/float_text.h"

namespace slurmscope::agent {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr double kWord = 4;  // data counters count 32-bit words
constexpr double kMilli = 1000;

// Files of a port. https://docs.kernel.org/infiniband/sysfs.html and, for hw_counters, NVIDIA's
// "Understanding mlx5 Linux counters".
constexpr AttrSpec kPort[] = {
    {"counters_ext/port_rcv_data_64", "node_infiniband_legacy_data_received_bytes_total",
     "Number of data octets received on all links", kCounter, kWord},
    {"counters_ext/port_xmit_data_64", "node_infiniband_legacy_data_transmitted_bytes_total",
     "Number of data octets transmitted on all links", kCounter, kWord},
    {"counters_ext/port_multicast_rcv_packets",
     "node_infiniband_legacy_multicast_packets_received_total",
     "Number of multicast packets received", kCounter},
    {"counters_ext/port_multicast_xmit_packets",
     "node_infiniband_legacy_multicast_packets_transmitted_total",
     "Number of multicast packets transmitted", kCounter},
    {"counters_ext/port_rcv_packets_64", "node_infiniband_legacy_packets_received_total",
     "Number of data packets received on all links", kCounter},
    {"counters_ext/port_xmit_packets_64", "node_infiniband_legacy_packets_transmitted_total",
     "Number of data packets received on all links", kCounter},
    {"counters_ext/port_unicast_rcv_packets",
     "node_infiniband_legacy_unicast_packets_received_total", "Number of unicast packets received",
     kCounter},
    {"counters_ext/port_unicast_xmit_packets",
     "node_infiniband_legacy_unicast_packets_transmitted_total",
     "Number of unicast packets transmitted", kCounter},
    {"counters/link_downed", "node_infiniband_link_downed_total",
     "Number of times the link failed to recover from an error state and went down", kCounter},
    {"counters/link_error_recovery", "node_infiniband_link_error_recovery_total",
     "Number of times the link successfully recovered from an error state", kCounter},
    {"counters/multicast_rcv_packets", "node_infiniband_multicast_packets_received_total",
     "Number of multicast packets received (including errors)", kCounter},
    {"counters/multicast_xmit_packets", "node_infiniband_multicast_packets_transmitted_total",
     "Number of multicast packets transmitted (including errors)", kCounter},
    {"counters/port_rcv_constraint_errors", "node_infiniband_port_constraint_errors_received_total",
     "Number of packets received on the switch physical port that are discarded", kCounter},
    {"counters/port_xmit_constraint_errors",
     "node_infiniband_port_constraint_errors_transmitted_total",
     "Number of packets not transmitted from the switch physical port", kCounter},
    {"counters/port_rcv_data", "node_infiniband_port_data_received_bytes_total",
     "Number of data octets received on all links", kCounter, kWord},
    {"counters/port_xmit_data", "node_infiniband_port_data_transmitted_bytes_total",
     "Number of data octets transmitted on all links", kCounter, kWord},
    {"counters/port_rcv_discards", "node_infiniband_port_discards_received_total",
     "Number of inbound packets discarded by the port because the port is down or congested",
     kCounter},
    {"counters/port_xmit_discards", "node_infiniband_port_discards_transmitted_total",
     "Number of outbound packets discarded by the port because the port is down or congested",
     kCounter},
    {"counters/port_rcv_errors", "node_infiniband_port_errors_received_total",
     "Number of packets containing an error that were received on this port", kCounter},
    {"counters/port_rcv_packets", "node_infiniband_port_packets_received_total",
     "Number of packets received on all VLs by this port (including errors)", kCounter},
    {"counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total",
     "Number of packets transmitted on all VLs from this port (including errors)", kCounter},
    {"counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total",
     "Number of ticks during which the port had data to transmit but no data was sent during the "
     "entire tick",
     kCounter},
    {"counters/unicast_rcv_packets", "node_infiniband_unicast_packets_received_total",
     "Number of unicast packets received (including errors)", kCounter},
    {"counters/unicast_xmit_packets", "node_infiniband_unicast_packets_transmitted_total",
     "Number of unicast packets transmitted (including errors)", kCounter},
    {"counters/port_rcv_remote_physical_errors",
     "node_infiniband_port_receive_remote_physical_errors_total",
     "Number of packets marked with the EBP (End of Bad Packet) delimiter received on the port",
     kCounter},
    {"counters/port_rcv_switch_relay_errors",
     "node_infiniband_port_receive_switch_relay_errors_total",
     "Number of packets that could not be forwarded by the switch", kCounter},
    {"counters/symbol_error", "node_infiniband_symbol_error_total",
     "Number of minor link errors detected on one or more physical lanes", kCounter},
    {"counters/VL15_dropped", "node_infiniband_vl15_dropped_total",
     "Number of incoming VL15 packets dropped due to resource limitations", kCounter},
    {"counters/excessive_buffer_overrun_errors",
     "node_infiniband_excessive_buffer_overrun_errors_total",
     "Number of times that overruns of the input buffer went on for longer than allowed", kCounter},
    {"counters/local_link_integrity_errors", "node_infiniband_local_link_integrity_errors_total",
     "Number of times that the count of local physical errors exceeded its threshold", kCounter},
    {"hw_counters/duplicate_request", "node_infiniband_duplicate_requests_packets_total",
     "Number of received requests that had been executed before", kCounter},
    {"hw_counters/implied_nak_seq_err", "node_infiniband_implied_nak_seq_errors_total",
     "Number of acknowledgements received that skipped a response to a read or atomic request",
     kCounter},
    {"hw_counters/local_ack_timeout_err", "node_infiniband_local_ack_timeout_errors_total",
     "Number of times that the acknowledgement timer of a sender ran out", kCounter},
    {"hw_counters/np_cnp_sent", "node_infiniband_np_cnp_packets_sent_total",
     "Number of congestion notification packets sent by the notification point", kCounter},
    {"hw_counters/np_ecn_marked_roce_packets",
     "node_infiniband_np_ecn_marked_roce_packets_received_total",
     "Number of RoCE packets received with a mark of congestion", kCounter},
    {"hw_counters/out_of_buffer", "node_infiniband_out_of_buffer_drops_total",
     "Number of packets dropped because no receive buffer was posted", kCounter},
    {"hw_counters/out_of_sequence", "node_infiniband_out_of_sequence_packets_received_total",
     "Number of packets received out of sequence", kCounter},
    {"hw_counters/packet_seq_err", "node_infiniband_packet_sequence_errors_total",
     "Number of negative acknowledgements received for a packet sequence error", kCounter},
    {"hw_counters/req_cqe_error", "node_infiniband_req_cqes_errors_total",
     "Number of work completions with an error on the requesting side", kCounter},
    {"hw_counters/req_cqe_flush_error", "node_infiniband_req_cqes_flush_errors_total",
     "Number of work completions flushed with an error on the requesting side", kCounter},
    {"hw_counters/req_remote_access_errors", "node_infiniband_req_remote_access_errors_total",
     "Number of remote access errors seen on the requesting side", kCounter},
    {"hw_counters/req_remote_invalid_request",
     "node_infiniband_req_remote_invalid_request_errors_total",
     "Number of remote invalid request errors seen on the requesting side", kCounter},
    {"hw_counters/resp_cqe_error", "node_infiniband_resp_cqes_errors_total",
     "Number of work completions with an error on the responding side", kCounter},
    {"hw_counters/resp_cqe_flush_error", "node_infiniband_resp_cqes_flush_errors_total",
     "Number of work completions flushed with an error on the responding side", kCounter},
    {"hw_counters/resp_local_length_error", "node_infiniband_resp_local_length_errors_total",
     "Number of local length errors seen on the responding side", kCounter},
    {"hw_counters/resp_remote_access_errors", "node_infiniband_resp_remote_access_errors_total",
     "Number of remote access errors seen on the responding side", kCounter},
    {"hw_counters/rnr_nak_retry_err", "node_infiniband_rnr_nak_retry_packets_received_total",
     "Number of \"receiver not ready\" refusals received", kCounter},
    {"hw_counters/roce_adp_retrans", "node_infiniband_roce_adp_retransmits_total",
     "Number of adaptive retransmissions of RoCE traffic", kCounter},
    {"hw_counters/roce_adp_retrans_to", "node_infiniband_roce_adp_retransmits_timeout_total",
     "Number of timeouts of RoCE traffic due to adaptive retransmission", kCounter},
    {"hw_counters/roce_slow_restart", "node_infiniband_roce_slow_restart_used_total",
     "Number of times that RoCE slow restart was used", kCounter},
    {"hw_counters/roce_slow_restart_cnps", "node_infiniband_roce_slow_restart_cnps_total",
     "Number of congestion notification packets made by RoCE slow restart", kCounter},
    {"hw_counters/roce_slow_restart_trans", "node_infiniband_roce_slow_restart_total",
     "Number of times that RoCE slow restart changed its state to slow restart", kCounter},
    {"hw_counters/rp_cnp_handled", "node_infiniband_rp_cnp_packets_handled_total",
     "Number of congestion notification packets handled by the reaction point", kCounter},
    {"hw_counters/rp_cnp_ignored", "node_infiniband_rp_cnp_ignored_packets_received_total",
     "Number of congestion notification packets ignored by the reaction point", kCounter},
    {"hw_counters/rx_atomic_requests", "node_infiniband_rx_atomic_requests_total",
     "Number of atomic requests received", kCounter},
    {"hw_counters/rx_dct_connect", "node_infiniband_rx_dct_connect_requests_total",
     "Number of requests received for the connection of dynamically connected transport", kCounter},
    {"hw_counters/rx_icrc_encapsulated", "node_infiniband_rx_icrc_encapsulated_errors_total",
     "Number of RoCE packets received with a bad checksum", kCounter},
    {"hw_counters/rx_read_requests", "node_infiniband_rx_read_requests_total",
     "Number of read requests received", kCounter},
    {"hw_counters/rx_write_requests", "node_infiniband_rx_write_requests_total",
     "Number of write requests received", kCounter},
    {"hw_counters/lifespan", "node_infiniband_lifespan_seconds",
     "How long the counters of the hardware may be cached", MetricType::kGauge, 1, kMilli},
};

struct Port {
  Port(const std::string& path, AttrFamilies& families)
      : counters(path, families),
        state(path + "/state"),
        physical_state(path + "/phys_state"),
        rate(path + "/rate") {}
  AttrFiles counters;
  AttrFile state;           // "4: ACTIVE"
  AttrFile physical_state;  // "5: LinkUp"
  AttrFile rate;            // "40 Gb/sec (4X QDR)"
};

struct Hca {
  explicit Hca(const std::string& path)
      : board_id(AttrFile(path + "/board_id").Text()),
        firmware(path + "/fw_ver"),
        type(AttrFile(path + "/hca_type").Text()),
        ports(path + "/ports") {}
  std::string board_id;
  AttrFile firmware;
  std::string type;
  Devices<Port> ports;
};

// The number that a text begins with.
std::optional<double> LeadingNumber(AttrFile& file) {
  const auto text = file.Read();
  if (!text) return std::nullopt;
  return base::ParseFloat(text->substr(0, text->find_first_not_of("0123456789.")));
}

class Infiniband final : public Collector {
 public:
  Infiniband(const Machine& machine, DeviceFilter filter, FamilySet& out)
      : filter_(std::move(filter)),
        counters_(out, kPort, {"device", "port"}),
        info_(out.Get("node_infiniband_info",
                      "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.",
                      MetricType::kGauge, {"board_id", "device", "firmware_version", "hca_type"})),
        state_(out.Get("node_infiniband_state_id",
                       "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, "
                       "4: active, 5: act defer)",
                       MetricType::kGauge, {"device", "port"})),
        physical_state_(
            out.Get("node_infiniband_physical_state_id",
                    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, "
                    "3: disable, 4: shift, 5: link up, 6: link error recover, 7: phytest)",
                    MetricType::kGauge, {"device", "port"})),
        rate_(out.Get("node_infiniband_rate_bytes_per_second", "Maximum signal transfer rate",
                      MetricType::kGauge, {"device", "port"})),
        hcas_(machine.roots.sysfs + "/class/infiniband") {}

  Result<void> Update() override {
    TRY(hcas_.Refresh([&](const std::string& path, const std::string& name) {
      return filter_.Ignored(name) ? nullptr : std::make_unique<Hca>(path);
    }));
    hcas_.ForEach([&](Hca& hca, std::string_view name) {
      info_.Set({hca.board_id, name, hca.firmware.Text(), hca.type}, 1);
      (void)hca.ports.Refresh([&](const std::string& path, const std::string&) {
        return std::make_unique<Port>(path, counters_);
      });
      hca.ports.ForEach([&](Port& port, std::string_view number) { SetPort(port, name, number); });
    });
    return {};
  }

 private:
  void SetPort(Port& port, std::string_view device, std::string_view number) {
    if (const auto n = LeadingNumber(port.state)) state_.Set({device, number}, *n);
    if (const auto n = LeadingNumber(port.physical_state)) {
      physical_state_.Set({device, number}, *n);
    }
    constexpr double kBytesPerGbit = 1e9 / 8;
    if (const auto n = LeadingNumber(port.rate)) rate_.Set({device, number}, *n * kBytesPerGbit);
    port.counters.Set({device, number});
  }

  DeviceFilter filter_;
  AttrFamilies counters_;
  Family& info_;
  Family& state_;
  Family& physical_state_;
  Family& rate_;
  Devices<Hca> hcas_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeInfiniband(const Machine& machine, const FlagValues& flags,
                                                  FamilySet& out) {
  return std::make_unique<Infiniband>(
      machine, TRY(DeviceFilter::FromFlags(flags, "collector.infiniband.device")), out);
}

}  // namespace slurmscope::agent
