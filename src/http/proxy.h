#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace slurmscope::http {

// Through what a client reaches servers. URLs like "http://user:password@proxy:3128"; empty: none.
struct ProxySettings {
  std::string for_http;
  std::string for_https;
  // Hosts reached without, as Go's httpproxy reads NO_PROXY: "*", or a list by commas of addresses,
  // networks (10.0.0.0/8), domains ("a.b": it and all below, ".a.b": below only), each with a port
  // or for all.
  std::string no_proxy;
  bool spares_loopback = false;  // "localhost" and loopback addresses are reached without
  Pairs connect_headers;         // for the proxy, where a tunnel is asked of it

  bool operator==(const ProxySettings&) const = default;
};

// The proxy for a URL; empty: none.
std::string ProxyFor(const ProxySettings& settings, const std::string& url);

// Whether `no_proxy` names host (lower case, without brackets) and port.
bool IsSpared(std::string_view no_proxy, std::string_view host, std::string_view port);

}  // namespace slurmscope::http
