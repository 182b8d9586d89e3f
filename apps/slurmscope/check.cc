#include <cstdio>

#include "base/file.h"
#include "base/glob.h"
#include "base/strings.h"
#include "config/prometheus.h"
#include "discovery/target_files.h"
#include "edge/web_access.h"
#include "rules/load.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope check config FILE...\n"
    "       slurmscope check rules [flags] [FILE...]   (see slurmscope check rules --help)\n"
    "       slurmscope check web-config FILE...\n\n"
    "Reads configuration files, with the target and rule files that they name, and prints every\n"
    "problem with file, line and column.\n"
    "Exit code 0: all are good (warnings may be printed), 1: at least one is not.\n";

std::string Count(size_t n, std::string_view what) {
  return base::StrCat(n, " ", what, n == 1 ? "" : "s");
}

struct Targets {
  size_t fixed = 0;
  size_t files = 0;
  size_t from_files = 0;
  bool good = true;
};

// Target files are read as the server would; a glob without files is no error, they may come later.
void ReadTargetFiles(const std::string& glob, Targets& targets) {
  std::vector<std::string> paths = discovery::Glob(glob);
  if (paths.empty()) std::printf("warning: no file matches %s\n", glob.c_str());
  for (const std::string& path : paths) {
    ++targets.files;
    auto text = base::ReadFile(path);
    auto groups =
        text ? config::ParseTargetGroups(*text, path)
             : base::Result<std::vector<config::TargetGroup>>(base::Fail(std::move(text).error()));
    if (!groups) {
      std::fprintf(stderr, "%s\n", groups.error().message().c_str());
      targets.good = false;
      continue;
    }
    for (const config::TargetGroup& group : *groups) targets.from_files += group.targets.size();
  }
}

Targets CountTargets(const config::PrometheusConfig& config) {
  Targets targets;
  for (const config::ScrapeConfig& job : config.scrape_configs) {
    for (const config::TargetGroup& group : job.static_configs)
      targets.fixed += group.targets.size();
    for (const config::FileSdConfig& sd : job.file_sd_configs) {
      for (const std::string& glob : sd.files) ReadTargetFiles(glob, targets);
    }
  }
  return targets;
}

struct Rules {
  size_t count = 0;
  bool good = true;
};

Rules ReadRules(const std::vector<std::string>& globs) {
  Rules rules;
  for (const std::string& glob : globs) {
    if (base::Glob(glob, 1).empty()) std::printf("warning: no file matches %s\n", glob.c_str());
  }
  promql::ParserOptions everything;  // the server may have been told to switch parts on
  everything.experimental_functions = true;
  everything.extended_range_selectors = true;
  everything.fill_modifiers = true;
  auto groups = rules::LoadRules(globs, everything);
  if (!groups) {
    std::fprintf(stderr, "%s\n", groups.error().message().c_str());
    rules.good = false;
    return rules;
  }
  for (const config::RuleGroupConfig& group : *groups) rules.count += group.rules.size();
  return rules;
}

bool CheckConfig(const std::string& path) {
  auto config = config::LoadPrometheusConfig(path);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return false;
  }
  for (const std::string& warning : config->warnings) std::printf("warning: %s\n", warning.c_str());
  Targets targets = CountTargets(*config);
  Rules rules = ReadRules(config->rule_files);
  std::string_view verdict = !rules.good     ? "has broken rule files"
                             : !targets.good ? "has broken target files"
                                             : "good";
  std::printf("%s: %s: %s, %s in it, %s in %s, %s\n", path.c_str(), std::string(verdict).c_str(),
              Count(config->scrape_configs.size(), "scrape job").c_str(),
              Count(targets.fixed, "target").c_str(), Count(targets.from_files, "target").c_str(),
              Count(targets.files, "target file").c_str(), Count(rules.count, "rule").c_str());
  return targets.good && rules.good;
}

// In promtool's words; certificates and keys are loaded, too.
bool CheckWebConfig(const std::string& path) {
  auto access = edge::OpenWebAccess(path);
  if (!access) {
    std::fprintf(stderr, "%s FAILED: %s\n", path.c_str(), access.error().message().c_str());
    return false;
  }
  for (const std::string& warning : access->warnings) std::printf("warning: %s\n", warning.c_str());
  std::printf("%s SUCCESS\n", path.c_str());
  return true;
}

}  // namespace

int RunCheck(const std::vector<std::string>& args) {
  if (args.size() == 1 && (args[0] == "--help" || args[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!args.empty() && args[0] == "rules") return RunCheckRules({args.begin() + 1, args.end()});
  const bool web = !args.empty() && args[0] == "web-config";
  if (args.size() < 2 || (args[0] != "config" && !web)) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  bool good = true;
  for (size_t i = 1; i < args.size(); ++i)
    good = (web ? CheckWebConfig(args[i]) : CheckConfig(args[i])) && good;
  return good ? 0 : 1;
}

}  // namespace slurmscope::app
