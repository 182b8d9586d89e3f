#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "base/strings.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

namespace {

constexpr int kBacklog = 1024;

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<AddressList> Resolve(const HostPort& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const std::string port = StrCat(where.port);
  const int rc =
      getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(), &hints, &list);
  if (rc != 0)
    return Fail(ErrorCode::kInvalidArgument, StrCat("lookup ", where.host, ": ", gai_strerror(rc)));
  return AddressList(list, &freeaddrinfo);
}

const sockaddr* AsSockaddr(const sockaddr_storage& storage) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&storage));
}

int PortOf(const sockaddr_storage& storage) {
  const void* raw = &storage;
  return ntohs(storage.ss_family == AF_INET6 ? static_cast<const sockaddr_in6*>(raw)->sin6_port
                                             : static_cast<const sockaddr_in*>(raw)->sin_port);
}

void SetPort(sockaddr_storage& storage, int port) {
  void* raw = &storage;
  const auto value = htons(static_cast<uint16_t>(port));
  if (storage.ss_family == AF_INET6) {
    static_cast<sockaddr_in6*>(raw)->sin6_port = value;
  } else {
    static_cast<sockaddr_in*>(raw)->sin_port = value;
  }
}

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

Result<Listener> Bind(const sockaddr_storage& where, socklen_t length, bool dual_stack) {
  const int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return base::FailErrno("socket", errno);
  Listener owner(fd);
  SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (where.ss_family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual_stack ? 0 : 1);
  if (bind(fd, AsSockaddr(where), length) != 0 || listen(fd, kBacklog) != 0) {
    if (errno == EADDRINUSE) return Fail(ErrorCode::kAlreadyExists, "address already in use");
    return base::FailErrno("bind", errno);
  }
  sockaddr_storage bound{};
  socklen_t bound_length = sizeof bound;
  void* raw = &bound;
  if (getsockname(fd, static_cast<sockaddr*>(raw), &bound_length) != 0)
    return base::FailErrno("getsockname", errno);
  owner.SetAddress(AddressText(&bound), PortOf(bound));
  return owner;
}

Result<std::vector<Listener>> BindLocalhost(const AddressList& list) {
  std::vector<Listener> listeners;
  base::Error last(ErrorCode::kUnavailable, "no address");
  for (const addrinfo* info = list.get(); info != nullptr; info = info->ai_next) {
    sockaddr_storage where{};
    std::memcpy(&where, info->ai_addr, info->ai_addrlen);
    const bool same_free_port = !listeners.empty() && PortOf(where) == 0;
    if (same_free_port) SetPort(where, listeners.front().port());
    auto bound = Bind(where, info->ai_addrlen, false);
    if (bound) {
      listeners.push_back(*std::move(bound));
    } else if (bound.error().code() == ErrorCode::kAlreadyExists && !same_free_port) {
      return Fail(std::move(bound).error());
    } else {
      last = std::move(bound).error();
    }
  }
  if (listeners.empty()) return Fail(std::move(last));
  return listeners;
}

// All interfaces: one IPv6 socket that takes IPv4 too, or IPv4 alone where the machine has no IPv6.
Result<Listener> BindAll(int port) {
  sockaddr_storage where{};
  where.ss_family = AF_INET6;
  SetPort(where, port);
  auto bound = Bind(where, sizeof(sockaddr_in6), true);
  if (bound || bound.error().code() == ErrorCode::kAlreadyExists) return bound;
  where = sockaddr_storage{};
  where.ss_family = AF_INET;
  SetPort(where, port);
  return Bind(where, sizeof(sockaddr_in), false);
}

Result<std::vector<Listener>> BindHost(const HostPort& where) {
  std::vector<Listener> listeners;
  if (where.host.empty()) {
    listeners.push_back(TRY(BindAll(where.port)));
    return listeners;
  }
  const AddressList list = TRY(Resolve(where));
  if (where.host == "localhost") return BindLocalhost(list);
  sockaddr_storage first{};
  std::memcpy(&first, list->ai_addr, list->ai_addrlen);
  listeners.push_back(TRY(Bind(first, list->ai_addrlen, false)));
  return listeners;
}

}  // namespace

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)), port_(other.port_) {}

Listener::~Listener() {
  if (fd_ >= 0) close(fd_);
}

void Listener::SetAddress(std::string address, int port) {
  address_ = std::move(address);
  port_ = port;
}

Result<HostPort> ParseHostPort(std::string_view address) {
  const auto bad = [&](std::string_view why) {
    return Fail(ErrorCode::kInvalidArgument, StrCat("listen address ", base::Quote(address), ": ",
                                                    why, "; want HOST:PORT, :PORT or [IPv6]:PORT"));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return bad("no port");
  std::string_view host = address.substr(0, colon);
  const auto port = base::ParseInt<uint16_t>(address.substr(colon + 1));
  if (!port) return bad("the port is not a number from 0 to 65535");
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.empty()) return bad("no address in the brackets");
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return bad("an IPv6 address needs brackets");
  }
  return HostPort{std::string(host), *port};
}

Result<std::vector<Listener>> Listen(std::string_view address) {
  const HostPort where = TRY(ParseHostPort(address));
  auto listeners = BindHost(where);
  if (listeners) return listeners;
  base::Error error = std::move(listeners).error();
  const bool in_use = error.code() == ErrorCode::kAlreadyExists;
  return Fail(
      error.code(),
      StrCat("listen tcp ", address, ": ", error.message(),
             in_use
                 ? ": another program listens there; stop it or give another --web.listen-address"
                 : ""));
}

Result<Listener> AdoptListener(int fd) {
  Listener owner(fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0)
    return base::FailErrno(StrCat("socket ", fd), errno);
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  void* raw = &bound;
  if (getsockname(fd, static_cast<sockaddr*>(raw), &bound_size) != 0)
    return base::FailErrno("getsockname", errno);
  const std::string address = AddressText(&bound);
  if (listening == 0 || address.empty())
    return Fail(ErrorCode::kInvalidArgument, StrCat("socket ", fd, ": not a listening TCP socket"));
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  owner.SetAddress(address, PortOf(bound));
  return owner;
}

std::string AddressText(const void* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return {};
  if (static_cast<const sockaddr*>(address)->sa_family == AF_INET) {
    const auto* v4 = static_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return StrCat(text, ':', ntohs(v4->sin_port));
  }
  if (static_cast<const sockaddr*>(address)->sa_family != AF_INET6) return {};
  const auto* v6 = static_cast<const sockaddr_in6*>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof text);
    return StrCat(text, ':', ntohs(v6->sin6_port));
  }
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  return StrCat('[', text, "]:", ntohs(v6->sin6_port));
}

}  // namespace slurmscope::http
