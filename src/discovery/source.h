#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "config/prometheus.h"
#include "discovery/resolver.h"
#include "http/client.h"

namespace slurmscope::discovery {

using base::Result;

// What went on since the start, for the program's own /metrics.
struct SourceCounters {
  std::atomic<uint64_t> http_failures{0};
  std::atomic<uint64_t> dns_lookups{0};
  std::atomic<uint64_t> dns_failures{0};
  std::atomic<uint64_t> consul_failures{0};
};

// One entry of a kind of discovery that is asked over the network again and again. Held by a
// shared_ptr, which an answer under way keeps. One Refresh at a time.
class Source {
 public:
  using Groups = std::vector<config::TargetGroup>;
  using Done = std::function<void(Result<Groups>)>;

  virtual ~Source() = default;
  // Asks, and calls `done` once with all groups there are now, in this thread or another. An error
  // means that nothing is known anew. What is asked has a bound on its time.
  virtual void Refresh(Done done) = 0;
  // True of a source that hears of changes itself: Refresh is called once, and `done` whenever
  // something has changed or failed, until the source is destroyed.
  virtual bool follows() const { return false; }
};

// What sources ask by. All of it outlives them.
struct SourceContext {
  http::Client* client = nullptr;
  Resolver* resolver = nullptr;
  std::shared_ptr<SourceCounters> counters;
};

std::shared_ptr<Source> MakeHttpSource(const config::HttpSdConfig& config,
                                       const SourceContext& context);
std::shared_ptr<Source> MakeDnsSource(const config::DnsSdConfig& config,
                                      const SourceContext& context);
std::shared_ptr<Source> MakeConsulSource(const config::ConsulSdConfig& config,
                                         const SourceContext& context);

// The groups of an answer of http_sd: its Content-Type must be JSON. `url` is what the groups are
// marked with.
Result<Source::Groups> ReadHttpGroups(const http::ClientResponse& response, const std::string& url);

}  // namespace slurmscope::discovery
