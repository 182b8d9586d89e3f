#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/strings.h"
#include "config/rule_files.h"
#include "rules/lint.h"
#include "rules/load.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope check rules [--lint=duplicate-rules|all|none] [--lint-fatal] [FILE...]\n\n"
    "Reads rule files (standard input without any) and prints every problem with file, line and "
    "column.\n"
    "--lint         what to look for besides errors: duplicate-rules (default), all, none\n"
    "--lint-fatal   what the lint finds is an error\n"
    "--enable-feature=LIST   parts of PromQL to switch on\n"
    "Exit code 0: all are good, 1: at least one is not, 3: only the lint found something.\n";

constexpr int kLintExitCode = 3;

struct Options {
  bool lint = true;
  bool lint_fatal = false;
  promql::ParserOptions parser;
  std::vector<std::string> files;
};

struct Counts {
  bool broken = false;
  bool linted = false;
};

base::Result<std::vector<config::RuleGroupConfig>> Read(const std::string& file,
                                                        const config::RuleChecks& checks) {
  if (file != "-") return config::LoadRuleFile(file, checks);
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return config::ParseRuleFile(text, "standard input", checks);
}

void Check(const std::string& file, const Options& options, Counts& counts) {
  std::printf("Checking %s\n", file == "-" ? "standard input" : file.c_str());
  auto groups = Read(file, rules::MakeRuleChecks(options.parser));
  std::string problem = groups ? "" : groups.error().message();
  counts.broken = counts.broken || !groups;
  if (groups && options.lint) {
    problem = rules::DuplicateRules(*groups);
    if (!problem.empty()) {
      problem = "lint error " + problem;
      counts.linted = true;
    }
  }
  std::fflush(stdout);
  if (problem.empty()) {
    size_t rules = 0;
    for (const auto& group : *groups) rules += group.rules.size();
    std::printf("  SUCCESS: %zu rules found\n", rules);
  } else {
    std::fprintf(stderr, "  FAILED:\n%s\n", problem.c_str());
  }
  std::printf("\n");
  std::fflush(stdout);
}

// False when an argument is wrong.
bool ParseArgument(const std::string& arg, Options* options) {
  if (arg == "--lint-fatal") {
    options->lint_fatal = true;
  } else if (arg.starts_with("--lint=")) {
    std::string what = arg.substr(7);
    if (what != "all" && what != "none" && what != "duplicate-rules") return false;
    options->lint = what != "none";
  } else if (arg.starts_with("--enable-feature=")) {
    EnableFeatures(arg.substr(17), &options->parser);
  } else if (arg != "-" && arg.starts_with("-")) {
    return false;
  } else {
    options->files.push_back(arg);
  }
  return true;
}

}  // namespace

void EnableFeatures(std::string_view list, promql::ParserOptions* options) {
  for (std::string_view name : base::Split(list, ',')) {
    if (name == "promql-experimental-functions") options->experimental_functions = true;
    if (name == "promql-extended-range-selectors") options->extended_range_selectors = true;
    if (name == "promql-binop-fill-modifiers") options->fill_modifiers = true;
  }
}

int RunCheckRules(const std::vector<std::string>& args) {
  Options options;
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (ParseArgument(arg, &options)) continue;
    std::fprintf(stderr, "slurmscope check rules: unknown argument %s\n%s", arg.c_str(), kUsage);
    return 1;
  }
  if (options.files.empty()) options.files.emplace_back("-");
  Counts counts;
  for (const std::string& file : options.files) Check(file, options, counts);
  if (counts.broken) return 1;
  return counts.linted && options.lint_fatal ? kLintExitCode : 0;
}

}  // namespace slurmscope::app
