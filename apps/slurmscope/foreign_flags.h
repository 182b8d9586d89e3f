#pragma once

#include "serve_flags.h"

namespace CLI {
class App;
}

namespace slurmscope::app {

// Adds the flags of Prometheus that change nothing here, each with a note that says why, and those
// that are refused.
void AddForeignFlags(CLI::App& app, ServeFlags& flags);

}  // namespace slurmscope::app
