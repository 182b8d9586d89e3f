#include "http/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <optional>

#include "base/strings.h"

namespace slurmscope::http {

namespace {

// IPv4 as the IPv6 addresses that stand for them, so that there is one kind.
using Address = std::array<uint8_t, 16>;

std::optional<Address> ParseAddress(std::string_view text) {
  const std::string host(text);
  Address address{};
  if (inet_pton(AF_INET6, host.c_str(), address.data()) == 1) return address;
  address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (inet_pton(AF_INET, host.c_str(), &address[12]) == 1) return address;
  return std::nullopt;
}

bool SameStart(const Address& a, const Address& b, int bits) {
  const auto bytes = static_cast<size_t>(bits / 8);
  if (std::memcmp(a.data(), b.data(), bytes) != 0) return false;
  const int rest = bits % 8;
  return rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0;
}

bool IsInNetwork(std::string_view network, size_t slash, const Address& host) {
  const auto base = ParseAddress(network.substr(0, slash));
  const auto bits = base::ParseInt<int>(network.substr(slash + 1));
  if (!base || !bits) return false;
  const bool v4 = network.find(':') == std::string_view::npos;
  const int length = *bits + (v4 ? 96 : 0);
  return *bits >= 0 && length <= 128 && SameStart(*base, host, length);
}

struct HostAndPort {
  std::string_view host;
  std::string_view port;
};
// Of "host", "host:port", "[v6]", "[v6]:port" and "v6".
HostAndPort SplitPort(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return {text, {}};
    const std::string_view rest = text.substr(end + 1);
    return {text.substr(1, end - 1), rest.starts_with(':') ? rest.substr(1) : std::string_view()};
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool IsOfDomain(std::string_view domain, std::string_view host) {
  if (domain.starts_with("*.")) domain.remove_prefix(1);
  if (domain.starts_with('.')) return host.size() > domain.size() && host.ends_with(domain);
  if (host == domain) return true;
  return host.size() > domain.size() + 1 && host.ends_with(domain) &&
         host[host.size() - domain.size() - 1] == '.';
}

bool IsLoopback(std::string_view host) {
  if (host == "localhost") return true;
  const auto address = ParseAddress(host);
  if (!address) return false;
  constexpr Address kV4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
  constexpr Address kV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return SameStart(*address, kV4, 104) || *address == kV6;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

bool IsSpared(std::string_view no_proxy, std::string_view host, std::string_view port) {
  const auto address = ParseAddress(host);
  for (std::string_view raw : base::Split(no_proxy, ',')) {
    const std::string entry = Lower(base::TrimSpace(raw));
    if (entry.empty()) continue;
    if (entry == "*") return true;
    const size_t slash = entry.find('/');
    if (slash != std::string::npos) {
      if (address && IsInNetwork(entry, slash, *address)) return true;
      continue;
    }
    const HostAndPort want = SplitPort(entry);
    if (!want.port.empty() && want.port != port) continue;
    if (const auto want_address = ParseAddress(want.host)) {
      if (address && *address == *want_address) return true;
      continue;
    }
    if (!want.host.empty() && IsOfDomain(want.host, host)) return true;
  }
  return false;
}

std::string ProxyFor(const ProxySettings& settings, const std::string& url) {
  const bool tls = url.starts_with("https://");
  const std::string& proxy = tls ? settings.for_https : settings.for_http;
  if (proxy.empty()) return {};
  const size_t scheme = url.find("://");
  std::string_view authority = std::string_view(url).substr(scheme == url.npos ? 0 : scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) authority.remove_prefix(at + 1);
  const HostAndPort target = SplitPort(authority);
  const std::string host = Lower(target.host);
  if (settings.spares_loopback && IsLoopback(host)) return {};
  const std::string_view port = !target.port.empty() ? target.port : tls ? "443" : "80";
  return IsSpared(settings.no_proxy, host, port) ? std::string() : proxy;
}

}  // namespace slurmscope::http
