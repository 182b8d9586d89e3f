#pragma once

#include <string>
#include <string_view>

namespace slurmscope::agent {

// A counter's name as its driver has it, with one underscore for each run of characters that no
// metric name may have and the underscores around it: "port.rx_dropped" is port_rx_dropped.
std::string CleanStatName(std::string_view raw);

// The metric of a clean name: lower case, rx and tx as words spelled out.
std::string StatMetric(std::string_view clean);

}  // namespace slurmscope::agent
