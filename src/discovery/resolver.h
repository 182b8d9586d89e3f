#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/discovery.h"

namespace slurmscope::discovery {

// An address of an A or AAAA record, or the host of another one, without the dot at its end.
struct DnsRecord {
  std::string host;
  uint16_t port = 0;  // of an SRV record
};

struct ResolverOptions {
  std::string servers;    // "127.0.0.1:5353,[::1]:53"; empty: those of /etc/resolv.conf
  int timeout_ms = 5000;  // of one question to one server; it grows from try to try
  int tries = 3;
};

// Asks DNS servers on a thread of its own, with the search domains of the system. Answers may
// come from anybody: c-ares bounds and checks them. Thread-safe.
class Resolver {
 public:
  using Records = std::vector<DnsRecord>;
  using Done = std::function<void(base::Result<Records>)>;

  static std::unique_ptr<Resolver> Create(ResolverOptions options = {});
  virtual ~Resolver() = default;  // what is under way ends with kCanceled

  // Calls `done` once on the resolver's thread. No such name, or no such record of it, is an empty
  // answer; kUnavailable when no server gave one. The thread starts with the first question.
  virtual void Resolve(const std::string& name, config::DnsRecordType type, Done done) = 0;
};

}  // namespace slurmscope::discovery
