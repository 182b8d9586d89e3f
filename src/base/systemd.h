#pragma once

#include <string_view>

namespace slurmscope::base {

// Tells systemd a state ("READY=1", "STOPPING=1", "STATUS=..."), when the program runs as a unit of
// Type=notify; otherwise does nothing. See sd_notify(3).
void NotifySystemd(std::string_view state);

}  // namespace slurmscope::base
