#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/server.h"
#include "http/tls.h"

namespace slurmscope::http {

// Who may use a server, and how.
struct AccessSettings {
  std::optional<TlsServerSettings> tls;
  Pairs headers;                       // added to every response that has not got them
  Pairs users;                         // names and bcrypt hashes; empty: everyone
  int64_t rate_limit_interval_ms = 0;  // between two requests, of all clients together; 0: no limit
  uint64_t rate_limit_burst = 0;

  bool operator==(const AccessSettings&) const = default;
};

// The settings in force, for one or more servers; they can change while these run. Thread-safe.
class Access {
 public:
  // Asked now and then, while connections and requests come, but not twice within a second: the
  // settings, when they are others than before. It may read files.
  using Refresh = std::function<std::optional<AccessSettings>()>;

  // An error names what is wrong with certificate, key, CA or versions.
  static Result<std::shared_ptr<Access>> Create(AccessSettings settings, Refresh refresh = nullptr,
                                                const base::Clock& clock = base::SystemClock());
  virtual ~Access() = default;

  // Whether servers speak TLS: does not change.
  virtual bool has_tls() const = 0;
  // Whether clients have to show who they are: by users, or certificates that are verified.
  virtual bool knows_clients() const = 0;
};

}  // namespace slurmscope::http
