#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>

#include "agent/collectors/collectors.h"
#include "agent/collectors/netlink.h"
#include "agent/collectors/netlink_messages.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

Result<void> ParseHops(std::string_view multipath, std::vector<Route::Hop>* hops) {
  while (multipath.size() >= sizeof(rtnexthop)) {
    const auto next = CopyPrefix<rtnexthop>(multipath);
    if (next.rtnh_len < sizeof next || next.rtnh_len > multipath.size())
      return Fail(ErrorCode::kCorruption, "netlink: bad length of a next hop");
    Route::Hop hop{next.rtnh_ifindex, {}, next.rtnh_hops + 1};
    TRY(ForEachAttribute(multipath.substr(sizeof next, next.rtnh_len - sizeof next),
                         [&](uint16_t type, std::string_view value) {
                           if (type == RTA_GATEWAY) hop.gateway = value;
                         }));
    hops->push_back(hop);
    multipath.remove_prefix(std::min<size_t>(RTNH_ALIGN(next.rtnh_len), multipath.size()));
  }
  return {};
}

// /etc/iproute2/rt_protos
std::string_view ProtocolName(uint8_t protocol) {
  switch (protocol) {
    case RTPROT_UNSPEC:
      return "unspec";
    case RTPROT_REDIRECT:
      return "redirect";
    case RTPROT_KERNEL:
      return "kernel";
    case RTPROT_BOOT:
      return "boot";
    case RTPROT_STATIC:
      return "static";
    case RTPROT_GATED:
      return "gated";
    case RTPROT_RA:
      return "ra";
    case RTPROT_MRT:
      return "mrt";
    case RTPROT_ZEBRA:
      return "zebra";
    case RTPROT_BIRD:
      return "bird";
    case RTPROT_DNROUTED:
      return "dnrouted";
    case RTPROT_XORP:
      return "xorp";
    case RTPROT_NTK:
      return "ntk";
    case RTPROT_DHCP:
      return "dhcp";
    case RTPROT_MROUTED:
      return "mrouted";
    case RTPROT_KEEPALIVED:
      return "keepalived";
    case RTPROT_BABEL:
      return "babel";
    case RTPROT_OPENR:
      return "openr";
    case RTPROT_BGP:
      return "bgp";
    case RTPROT_ISIS:
      return "isis";
    case RTPROT_OSPF:
      return "ospf";
    case RTPROT_RIP:
      return "rip";
    case RTPROT_EIGRP:
      return "eigrp";
    default:
      return "unknown";
  }
}

class NetworkRoute final : public Collector {
 public:
  explicit NetworkRoute(FamilySet& out)
      : info_(out.Get("node_network_route_info", "network routing table information",
                      MetricType::kGauge,
                      {"dest", "device", "gw", "priority", "proto", "src", "weight"})),
        routes_(out.Get("node_network_routes", "network routes by interface", MetricType::kGauge,
                        {"device"})) {}

  Result<void> Update() override {
    std::map<std::string, int, std::less<>> by_device;
    const auto count = [&](uint16_t type, std::string_view body) -> Result<void> {
      if (type != RTM_NEWROUTE) return {};
      const auto route = TRY(ParseRoute(body));
      if (!route) return {};
      for (const Route::Hop& hop : route->hops) {
        const std::string device(names_.Name(hop.interface));
        ++by_device[device];
        SetInfo(*route, hop, device);
      }
      return {};
    };
    TRY(socket_.Dump(RTM_GETROUTE, BytesOf(rtmsg{}), count));
    for (const auto& [device, routes] : by_device) routes_.Set({device}, routes);
    return {};
  }

 private:
  void SetInfo(const Route& route, const Route::Hop& hop, const std::string& device) {
    const std::string destination =
        route.destination.empty()
            ? "default"
            : base::StrCat(AddressText(route.destination), "/", route.prefix_length);
    info_.Set({destination, device, AddressText(hop.gateway), base::StrCat(route.priority),
               ProtocolName(route.protocol), AddressText(route.source),
               hop.weight == 0 ? "" : base::StrCat(hop.weight)},
              1);
  }

  Family& info_;
  Family& routes_;
  NetlinkSocket socket_{NETLINK_ROUTE};
  InterfaceNames names_;
};

}  // namespace

Result<std::optional<Route>> ParseRoute(std::string_view body) {
  rtmsg header{};
  if (!TakeStruct(body, &header) || header.rtm_type != RTN_UNICAST) return std::nullopt;
  Route route;
  route.prefix_length = header.rtm_dst_len;
  route.protocol = header.rtm_protocol;
  Route::Hop only;
  std::string_view multipath;
  TRY(ForEachAttribute(body, [&](uint16_t type, std::string_view value) {
    if (type == RTA_DST) route.destination = value;
    if (type == RTA_PREFSRC) route.source = value;
    if (type == RTA_PRIORITY) route.priority = CopyPrefix<uint32_t>(value);
    if (type == RTA_GATEWAY) only.gateway = value;
    if (type == RTA_OIF) only.interface = CopyPrefix<int>(value);
    if (type == RTA_MULTIPATH) multipath = value;
  }));
  if (multipath.empty()) {
    route.hops.push_back(only);
  } else {
    TRY(ParseHops(multipath, &route.hops));
  }
  return route;
}

std::string AddressText(std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes.size() == 4) ::inet_ntop(AF_INET, bytes.data(), text, sizeof text);
  if (bytes.size() == 16) ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

Result<std::unique_ptr<Collector>> MakeNetworkRoute(const Machine&, const FlagValues&,
                                                    FamilySet& out) {
  return std::make_unique<NetworkRoute>(out);
}

}  // namespace slurmscope::agent
