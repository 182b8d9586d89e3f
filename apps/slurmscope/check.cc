#include <cstdio>

#include "config/prometheus.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope check config FILE...\n\n"
    "Reads configuration files and prints every problem with file, line and column.\n"
    "Exit code 0: all are good (warnings may be printed), 1: at least one is not.\n";

bool CheckConfig(const std::string& path) {
  auto config = config::LoadPrometheusConfig(path);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return false;
  }
  for (const std::string& warning : config->warnings) std::printf("warning: %s\n", warning.c_str());
  std::printf("%s: good, %zu scrape jobs\n", path.c_str(), config->scrape_configs.size());
  return true;
}

}  // namespace

int RunCheck(const std::vector<std::string>& args) {
  if (args.size() == 1 && (args[0] == "--help" || args[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (args.size() < 2 || args[0] != "config") {
    std::fputs(kUsage, stderr);
    return 1;
  }
  bool good = true;
  for (size_t i = 1; i < args.size(); ++i) good = CheckConfig(args[i]) && good;
  return good ? 0 : 1;
}

}  // namespace slurmscope::app
