#include <cstdio>

#include "verbs.h"

namespace slurmscope::app {

int RunTest(const std::vector<std::string>& args) {
  constexpr const char* kUsage =
      "Usage: slurmscope test promql FILE...   run PromQL test scripts\n"
      "       slurmscope test rules FILE...    run unit tests of rules\n";
  std::vector<std::string> rest(args.empty() ? args.begin() : args.begin() + 1, args.end());
  if (!args.empty() && args[0] == "promql") return RunTestPromql(rest);
  if (!args.empty() && args[0] == "rules") return RunTestRules(rest);
  bool help = !args.empty() && (args[0] == "--help" || args[0] == "-h");
  std::fputs(kUsage, help ? stdout : stderr);
  return help ? 0 : 1;
}

}  // namespace slurmscope::app
