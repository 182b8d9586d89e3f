#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::http {

// A TCP socket that listens; closed with the object.
class Listener {
 public:
  explicit Listener(int fd) : fd_(fd) {}
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  void SetAddress(std::string address, int port);
  int fd() const { return fd_; }
  const std::string& address() const {
    return address_;
  }  // really bound, "127.0.0.1:9090", "[::]:9090"
  int port() const { return port_; }

 private:
  int fd_;
  std::string address_;
  int port_ = 0;
};

struct HostPort {
  std::string host;  // without brackets; empty: all interfaces
  int port = 0;
};

// "host:port", ":port", "[::1]:port".
base::Result<HostPort> ParseHostPort(std::string_view address);

// The sockets of one listen address: one, but two for "localhost" where the machine has IPv4 and
// IPv6. An address in use is an error that says so and what to do.
base::Result<std::vector<Listener>> Listen(std::string_view address);

// A TCP socket that another program opened and made listen.
base::Result<Listener> AdoptListener(int fd);

// "127.0.0.1:4711" or "[::1]:4711"; empty for another family. `address` is a sockaddr.
std::string AddressText(const void* address);

}  // namespace slurmscope::http
