#pragma once

#include <memory>

#include "base/result.h"
#include "http/tls.h"

namespace slurmscope::http {

// The TLS side of a server, over GnuTLS: keys loaded and settings checked. What changes (a renewed
// certificate, another CA) becomes a new context for the connections that come after it. Private to
// the room. Immutable, thread-safe.
class TlsContext {
 public:
  static base::Result<std::shared_ptr<const TlsContext>> Create(const TlsServerSettings& settings);
  virtual ~TlsContext() = default;

  // Prepares a session (gnutls_session_t) before its handshake. The context must outlive it.
  virtual void Attach(void* session) const = 0;
  // After the handshake: whether the suite is among those that were asked for. GnuTLS chooses key
  // exchange, cipher and MAC one by one, so that parts of two listed suites may meet in a third.
  virtual bool Permits(void* session) const = 0;
};

}  // namespace slurmscope::http
