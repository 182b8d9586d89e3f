#pragma once

#include <string>

#include "base/result.h"
#include "config/prometheus.h"

namespace slurmscope::notify {

// The value of an Authorization header; empty when there is nothing to show. Files of secrets are
// read now. Never to be logged.
base::Result<std::string> AuthorizationHeader(const config::AuthConfig& auth);

}  // namespace slurmscope::notify
