#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/prometheus.h"
#include "model/labels.h"

namespace slurmscope::scrape {

using base::Result;
using LabelMap = std::map<std::string, std::string>;

// What discovery and relabelling make of one address.
struct TargetSpec {
  LabelMap discovered;   // before relabelling
  model::Labels labels;  // without names that begin with "__"
  std::string url;
  int64_t interval_ms = 0;
  int64_t timeout_ms = 0;

  // Equal for targets that are the same: labels and URL.
  uint64_t Hash() const;
};

// Labels before relabelling: the address, the group's labels, and the settings of the job as
// __scheme__ and so on.
LabelMap DiscoveredLabels(const config::ScrapeConfig& config, const std::string& address,
                          const LabelMap& group_labels);

// nullopt when relabelling drops the target. An error names what is wrong with the labels (no
// address, bad interval).
Result<std::optional<TargetSpec>> MakeTarget(const config::ScrapeConfig& config,
                                             LabelMap discovered);

}  // namespace slurmscope::scrape
