#pragma once

#include <string>
#include <string_view>

namespace slurmscope::app {

// "head:9090" -> "head"; empty when it is not a host name.
std::string HostWithoutPort(std::string_view host);

}  // namespace slurmscope::app
