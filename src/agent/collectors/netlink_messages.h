#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// What collectors read out of single netlink messages, without their header. Texts point into the
// message. Malformed lengths are an error; a message that does not count is nullopt.

// linux/pkt_sched.h, linux/gen_stats.h: a queueing discipline at the root of an interface.
struct QdiscStats {
  int interface = 0;
  std::string_view kind;
  uint64_t bytes = 0;
  uint64_t packets = 0;
  uint64_t drops = 0;
  uint64_t requeues = 0;
  uint64_t overlimits = 0;
  uint64_t length = 0;
  uint64_t backlog = 0;
};
Result<std::optional<QdiscStats>> ParseQdisc(std::string_view body);

// linux/rtnetlink.h: a unicast route, with one hop or several.
struct Route {
  struct Hop {
    int interface = 0;
    std::string_view gateway;  // the bytes of an address
    int weight = 0;            // 0: the route has one hop only
  };
  std::string_view source;
  std::string_view destination;
  int prefix_length = 0;
  uint32_t priority = 0;
  uint8_t protocol = 0;
  std::vector<Hop> hops;
};
// Gives whether it is such a route; `route` is one from before, for its memory.
Result<bool> ParseRoute(std::string_view body, Route* route);

// Four or sixteen bytes of an address as text; empty for others.
class AddressText {
 public:
  explicit AddressText(std::string_view bytes);
  std::string_view text() const { return text_; }

 private:
  char text_[48] = "";
};

// linux/nl80211.h
struct WifiInterface {
  int index = 0;
  std::string_view name;  // empty for devices that are no interfaces
  uint32_t frequency_mhz = 0;
};
Result<WifiInterface> ParseWifiInterface(std::string_view attributes);

struct WifiStation {
  std::string_view address;  // six bytes
  uint32_t connected_s = 0;
  uint32_t inactive_ms = 0;
  uint64_t receive_bits = 0;  // a second
  uint64_t transmit_bits = 0;
  uint64_t received_bytes = 0;
  uint64_t transmitted_bytes = 0;
  uint32_t received_packets = 0;
  uint32_t transmitted_packets = 0;
  int signal_dbm = 0;
  uint32_t retries = 0;
  uint32_t failed = 0;
  uint32_t beacon_loss = 0;
};
Result<WifiStation> ParseWifiStation(std::string_view attributes);

// The access point that the interface belongs to; nullopt for one that was only seen.
struct WifiAccessPoint {
  std::string_view address;  // six bytes
  std::string_view ssid;
  uint32_t status = 0;  // enum nl80211_bss_status
};
Result<std::optional<WifiAccessPoint>> ParseWifiAccessPoint(std::string_view attributes);

}  // namespace slurmscope::agent
