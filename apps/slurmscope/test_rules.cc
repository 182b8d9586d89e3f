#include <cstdio>

#include "base/file.h"
#include "config/rule_tests.h"
#include "rules/rule_tests.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope test rules [--run=REGEX...] FILE...\n\n"
    "Runs promtool's unit tests for rules in process.\n"
    "--run=REGEX             only tests whose name it matches (repeatable)\n"
    "--enable-feature=LIST   parts of PromQL to switch on\n"
    "Exit code 0: all passed.\n";

constexpr uint64_t kMaxFileBytes = 64 << 20;

bool RunFile(const std::string& path, const rules::RuleTestOptions& options) {
  std::printf("Unit Testing:  %s\n", path.c_str());
  std::fflush(stdout);
  auto text = base::ReadFile(path, kMaxFileBytes);
  auto file = text ? config::ParseRuleTestFile(*text, path)
                   : base::Result<config::RuleTestFile>(base::Fail(text.error()));
  auto failures = file ? rules::RunRuleTests(*file, options)
                       : base::Result<std::vector<std::string>>(base::Fail(file.error()));
  bool good = failures && failures->empty();
  if (good) std::printf("  SUCCESS\n");
  if (!good) std::fprintf(stderr, "  FAILED:\n");
  std::vector<std::string> problems =
      failures ? *failures : std::vector<std::string>{failures.error().message()};
  for (const std::string& problem : problems) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    std::printf("\n");  // as promtool has it
  }
  std::printf("\n");
  std::fflush(stdout);
  return good;
}

}  // namespace

int RunTestRules(const std::vector<std::string>& args) {
  rules::RuleTestOptions options;
  std::vector<std::string> files;
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (arg.starts_with("--run=")) {
      options.run.push_back(arg.substr(6));
    } else if (arg.starts_with("--enable-feature=")) {
      EnableFeatures(arg.substr(17), &options.parser);
    } else if (arg.starts_with("-")) {
      std::fprintf(stderr, "slurmscope test rules: unknown argument %s\n%s", arg.c_str(), kUsage);
      return 1;
    } else {
      files.push_back(arg);
    }
  }
  if (files.empty()) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  bool good = true;
  for (const std::string& file : files) good = RunFile(file, options) && good;
  return good ? 0 : 1;
}

}  // namespace slurmscope::app
