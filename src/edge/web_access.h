#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/access.h"

namespace slurmscope::edge {

using base::Result;

struct WebAccess {
  std::shared_ptr<http::Access> access;  // null without a file: plain HTTP for everyone
  std::vector<std::string> warnings;     // "file:line:column: ...", for the log
};

// Reads the file of --web.config.file (empty: none) and the certificates, keys and CAs that it
// names. They are read again when they change, as connections and requests come: what is wrong then
// is logged and the running settings stay. Errors tell all that is wrong with the file, or what is
// wrong with a certificate.
Result<WebAccess> OpenWebAccess(const std::string& web_config_file,
                                const base::Clock& clock = base::SystemClock());

// Whether only this machine reaches "host:port": "localhost", 127.x.x.x or [::1]. Other names are
// taken for open.
bool IsLoopbackAddress(std::string_view listen_address);
// Those of the addresses that others may reach.
std::vector<std::string> OpenAddresses(const std::vector<std::string>& listen_addresses);

}  // namespace slurmscope::edge
