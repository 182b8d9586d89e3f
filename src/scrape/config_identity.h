#pragma once

#include <string>

#include "config/prometheus.h"

namespace slurmscope::scrape {

// All that decides how the targets of a job are made and scraped, as one string; not where they
// come from. Equal strings mean that a reload changes nothing for running targets.
std::string ConfigIdentity(const config::ScrapeConfig& config);

}  // namespace slurmscope::scrape
