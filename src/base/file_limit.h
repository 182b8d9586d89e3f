#pragma once

namespace slurmscope::base {

// Lets the process open as many files (and sockets) as the system permits it, up to 65536: many
// systems start programs with 1024. For the start of a program.
void RaiseFileLimit();

}  // namespace slurmscope::base
