#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/labels.h"

namespace slurmscope::model {

// An alert as it is told to an Alertmanager: firing until `ends_at_ms`, or resolved when that is
// past.
struct Alert {
  Labels labels;  // with alertname
  std::map<std::string, std::string> annotations;
  int64_t starts_at_ms = 0;
  int64_t ends_at_ms = 0;
  std::string generator_url;
};

}  // namespace slurmscope::model
