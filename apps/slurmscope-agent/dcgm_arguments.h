#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope {

// dcgm-exporter's command line (4.5) in terms of ours.
struct DcgmArguments {
  std::vector<std::string> arguments;
  std::vector<std::string> notes;  // flags that are taken and do nothing here, and why
};

// Replaces dcgm-exporter's flags among `arguments` (without the program's name) by ours; others
// stay as they are. Fails on a flag that cannot be honoured, naming the reason.
base::Result<DcgmArguments> TranslateDcgmArguments(const std::vector<std::string>& arguments);

// The same for a program called dcgm-exporter: nothing but the page of the GPUs, on :9400, where
// there is no GPU, too; variables of the environment count for flags that are not given (`getenv`
// gives nullptr for an unset one), and `default_counters` where no file is named.
base::Result<DcgmArguments> TranslateDcgmCommandLine(
    const std::vector<std::string>& arguments,
    const std::function<const char*(const char*)>& getenv, std::string_view default_counters);

}  // namespace slurmscope
