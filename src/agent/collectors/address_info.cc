#include "agent/collectors/address_info.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "base/strings.h"

namespace slurmscope::agent {
namespace {

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

// The bytes of an IPv4 or IPv6 address or mask in network order; empty for other families.
std::string AddressBytes(const sockaddr* address) {
  if (address == nullptr) return {};
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return {reinterpret_cast<const char*>(&in.sin_addr), sizeof in.sin_addr};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    return {reinterpret_cast<const char*>(&in.sin6_addr), sizeof in.sin6_addr};
  }
  return {};
}

int MaskBits(const std::string& mask) {
  int bits = 0;
  for (const char c : mask) bits += std::popcount(static_cast<unsigned char>(c));
  return bits;
}

// node_exporter counts loopback addresses as link-local.
std::string_view Scope(const std::string& bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() == 4) {
    const bool local = byte(0) == 127 || (byte(0) == 169 && byte(1) == 254);
    return local ? "link-local" : "global";
  }
  in6_addr address{};
  std::memcpy(&address, bytes.data(), sizeof address);
  const bool local = IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address);
  return local ? "link-local" : "global";
}

}  // namespace

AddressInfo::AddressInfo(FamilySet& out)
    : info_(out.Get("node_network_address_info", "node network address by device",
                    MetricType::kGauge, {"address", "device", "netmask", "scope"})) {}

base::Result<void> AddressInfo::Update() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return base::FailErrno("getifaddrs", errno);
  const std::unique_ptr<ifaddrs, FreeAddresses> owner(list);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::string bytes = AddressBytes(entry->ifa_addr);
    if (bytes.empty()) continue;
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(entry->ifa_addr->sa_family, bytes.data(), text, sizeof text) == nullptr)
      continue;
    const std::string mask = base::StrCat(MaskBits(AddressBytes(entry->ifa_netmask)));
    info_.Set({text, entry->ifa_name, mask, Scope(bytes)}, 1);
  }
  return {};
}

}  // namespace slurmscope::agent
