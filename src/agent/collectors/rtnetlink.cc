#include "agent/collectors/rtnetlink.h"

#include <linux/rtnetlink.h>

namespace slurmscope::agent {
namespace {

rtnl_link_stats64 Widen(const rtnl_link_stats& s) {
  rtnl_link_stats64 wide{};
  wide.rx_packets = s.rx_packets;
  wide.tx_packets = s.tx_packets;
  wide.rx_bytes = s.rx_bytes;
  wide.tx_bytes = s.tx_bytes;
  wide.rx_errors = s.rx_errors;
  wide.tx_errors = s.tx_errors;
  wide.rx_dropped = s.rx_dropped;
  wide.tx_dropped = s.tx_dropped;
  wide.multicast = s.multicast;
  wide.collisions = s.collisions;
  wide.rx_length_errors = s.rx_length_errors;
  wide.rx_over_errors = s.rx_over_errors;
  wide.rx_crc_errors = s.rx_crc_errors;
  wide.rx_frame_errors = s.rx_frame_errors;
  wide.rx_fifo_errors = s.rx_fifo_errors;
  wide.rx_missed_errors = s.rx_missed_errors;
  wide.tx_aborted_errors = s.tx_aborted_errors;
  wide.tx_carrier_errors = s.tx_carrier_errors;
  wide.tx_fifo_errors = s.tx_fifo_errors;
  wide.tx_heartbeat_errors = s.tx_heartbeat_errors;
  wide.tx_window_errors = s.tx_window_errors;
  wide.rx_compressed = s.rx_compressed;
  wide.tx_compressed = s.tx_compressed;
  wide.rx_nohandler = s.rx_nohandler;
  return wide;
}

}  // namespace

Result<void> VisitLink(std::string_view body, LinkList::Visit visit) {
  ifinfomsg link{};
  if (!TakeStruct(body, &link)) return {};
  std::string_view name;
  std::string_view stats64;
  std::string_view stats32;
  TRY(ForEachAttribute(body, [&](uint16_t type, std::string_view value) {
    if (type == IFLA_IFNAME) name = value.substr(0, value.find('\0'));
    if (type == IFLA_STATS64) stats64 = value;
    if (type == IFLA_STATS) stats32 = value;
  }));
  if (name.empty()) return {};
  if (!stats64.empty()) {
    visit(name, CopyPrefix<rtnl_link_stats64>(stats64));
  } else if (!stats32.empty()) {
    visit(name, Widen(CopyPrefix<rtnl_link_stats>(stats32)));
  }
  return {};
}

Result<void> LinkList::Read(Visit visit) {
  return socket_.Dump(RTM_GETLINK, BytesOf(ifinfomsg{}),
                      [&](uint16_t type, std::string_view body) -> Result<void> {
                        if (type != RTM_NEWLINK) return {};
                        return VisitLink(body, visit);
                      });
}

}  // namespace slurmscope::agent
