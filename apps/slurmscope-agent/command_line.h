#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/collector.h"
#include "agent/flags.h"
#include "base/result.h"

namespace slurmscope {

// What the command line asks for. `text` is what to print for --help and --version.
struct CommandLine {
  agent::FlagValues flags;
  std::string text;
};

// All collectors that the node page can have: node_exporter's and ours, that of jobs last.
std::span<const agent::CollectorSpec> NodePageCollectors();

// Reads node_exporter's command line (kingpin style: --flag=value, --flag value, --[no-]bool).
// Flags of collectors that this version lacks are taken with a warning; unknown flags are errors
// that suggest the nearest one. dcgm-exporter's flags, see dcgm_arguments.h, are taken, too;
// argv[0] may be its name.
base::Result<CommandLine> ParseCommandLine(int argc, char** argv);

}  // namespace slurmscope
