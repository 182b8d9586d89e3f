#pragma once

#include <string>

#include "base/result.h"
#include "config/prometheus.h"

namespace slurmscope::config {

// What a client of a server needs to know, as promtool's --http.config.file gives it.
struct HttpConfig {
  AuthConfig auth;
  bool follow_redirects = true;
};

// basic_auth, authorization, bearer_token, bearer_token_file and follow_redirects; other keys are
// errors, as is all that ReadAuth refuses.
base::Result<HttpConfig> LoadHttpConfig(const std::string& path);

}  // namespace slurmscope::config
