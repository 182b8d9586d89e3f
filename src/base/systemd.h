#pragma once

#include <string_view>
#include <vector>

namespace slurmscope::base {

// Tells systemd a state ("READY=1", "STOPPING=1", "STATUS=..."), when the program runs as a unit of
// Type=notify; otherwise does nothing. See sd_notify(3).
void NotifySystemd(std::string_view state);

// The sockets that systemd opened for this process and handed over (sd_listen_fds(3)), none when it
// did not. Further calls give none.
std::vector<int> TakeSystemdSockets();

}  // namespace slurmscope::base
