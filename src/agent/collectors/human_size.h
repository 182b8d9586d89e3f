#pragma once

#include <optional>
#include <string_view>

namespace slurmscope::agent {

// Sizes as bcache and bcachefs write them for people.

// bcachefs: "2.05G" is 2.05 * 2^30, rounded down.
std::optional<double> ParseHumanSize(std::string_view text);

// bcache: what follows the point counts hundreds of the next smaller unit: "1.1M" is 1 MiB and 100
// KiB.
std::optional<double> ParseBcacheSize(std::string_view text);

}  // namespace slurmscope::agent
