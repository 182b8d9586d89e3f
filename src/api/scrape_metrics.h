#pragma once

#include <string>

#include "discovery/discovery.h"
#include "scrape/manager.h"

namespace slurmscope::api {

// Append the families of scraping, and of discovery for scrapes and for Alertmanagers.
void WriteScrapeMetrics(const scrape::ScrapeStats& stats, std::string& out);
void WriteDiscoveryMetrics(const discovery::DiscoveryStats& scrape,
                           const discovery::DiscoveryStats& notify, std::string& out);

}  // namespace slurmscope::api
