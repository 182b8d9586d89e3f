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
    for (auto& [device, routes] : by_device_) routes = 0;
    const auto count = [&](uint16_t type, std::string_view body) -> Result<void> {
      if (type == RTM_NEWROUTE && TRY(ParseRoute(body, &route_))) Count(route_);
      return {};
    };
    TRY(socket_.Dump(RTM_GETROUTE, BytesOf(rtmsg{}), count));
    std::erase_if(by_device_, [](const auto& entry) { return entry.second == 0; });
    for (const auto& [device, routes] : by_device_) routes_.Set({device}, routes);
    return {};
  }

 private:
  void Count(const Route& route) {
    for (const Route::Hop& hop : route.hops) {
      const std::string_view device = names_.Name(hop.interface);
      auto at = by_device_.find(device);
      if (at == by_device_.end()) at = by_device_.emplace(device, 0).first;
      ++at->second;
      SetInfo(route, hop, device);
    }
  }

  void SetInfo(const Route& route, const Route::Hop& hop, std::string_view device) {
    const AddressText address(route.destination);
    destination_.assign(route.destination.empty() ? "default" : address.text());
    if (!route.destination.empty()) base::StrAppend(destination_, "/", route.prefix_length);
    weight_.clear();
    if (hop.weight != 0) base::StrAppend(weight_, hop.weight);
    priority_.clear();
    base::StrAppend(priority_, route.priority);
    info_.Set({destination_, device, AddressText(hop.gateway).text(), priority_,
               ProtocolName(route.protocol), AddressText(route.source).text(), weight_},
              1);
  }

  Family& info_;
  Family& routes_;
  NetlinkSocket socket_{NETLINK_ROUTE};
  InterfaceNames names_;
  std::map<std::string, int, std::less<>> by_device_;
  // Kept for their memory.
  Route route_;
  std::string destination_;
  std::string weight_;
  std::string priority_;
};

}  // namespace

Result<bool> ParseRoute(std::string_view body, Route* route) {
  rtmsg header{};
  if (!TakeStruct(body, &header) || header.rtm_type != RTN_UNICAST) return false;
  route->destination = route->source = {};
  route->priority = 0;
  route->prefix_length = header.rtm_dst_len;
  route->protocol = header.rtm_protocol;
  route->hops.clear();
  Route::Hop only;
  std::string_view multipath;
  TRY(ForEachAttribute(body, [&](uint16_t type, std::string_view value) {
    if (type == RTA_DST) route->destination = value;
    if (type == RTA_PREFSRC) route->source = value;
    if (type == RTA_PRIORITY) route->priority = CopyPrefix<uint32_t>(value);
    if (type == RTA_GATEWAY) only.gateway = value;
    if (type == RTA_OIF) only.interface = CopyPrefix<int>(value);
    if (type == RTA_MULTIPATH) multipath = value;
  }));
  if (multipath.empty()) {
    route->hops.push_back(only);
  } else {
    TRY(ParseHops(multipath, &route->hops));
  }
  return true;
}

AddressText::AddressText(std::string_view bytes) {
  if (bytes.size() == 4) ::inet_ntop(AF_INET, bytes.data(), text_, sizeof text_);
  if (bytes.size() == 16) ::inet_ntop(AF_INET6, bytes.data(), text_, sizeof text_);
}

Result<std::unique_ptr<Collector>> MakeNetworkRoute(const Machine&, const FlagValues&,
                                                    FamilySet& out) {
  return std::make_unique<NetworkRoute>(out);
}

}  // namespace slurmscope::agent
