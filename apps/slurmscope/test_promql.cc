#include <cstdio>

#include "base/file.h"
#include "base/strings.h"
#include "promql/script.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope test promql [--enable-feature=LIST] FILE...\n\n"
    "Runs PromQL test scripts (Prometheus' promqltest grammar) in process. Prints each case that "
    "fails, what it got\n"
    "and what was wanted, and ends with PASS n/m. Exit code 0: all passed.\n"
    "--enable-feature=LIST   as a server with this flag answers; LIST may be empty. Without it all "
    "of PromQL is on:\n"
    "                        promql-experimental-functions, promql-extended-range-selectors,\n"
    "                        promql-binop-fill-modifiers, promql-delayed-name-removal\n"
    "The script command `delayed_name_removal on|off` is for cases that are meant for one of the "
    "two only.\n";

constexpr std::string_view kFeatureFlag = "--enable-feature=";

void RestrictTo(std::string_view features, promql::ScriptOptions* options) {
  EnableFeatures(features, &options->parser);
  for (std::string_view name : base::Split(features, ','))
    if (name == "promql-delayed-name-removal") options->delayed_name_removal = true;
}

// False when an argument makes no sense.
bool ParseArguments(const std::vector<std::string>& args, promql::ScriptOptions* options,
                    std::vector<std::string>* files) {
  bool restricted = false;
  for (const std::string& arg : args) {
    if (arg.starts_with(kFeatureFlag)) {
      if (!restricted) options->parser = {};
      if (!restricted) options->delayed_name_removal = false;
      restricted = true;
      RestrictTo(std::string_view(arg).substr(kFeatureFlag.size()), options);
    } else if (arg.starts_with("-")) {
      std::fprintf(stderr, "slurmscope test promql: unknown argument %s\n", arg.c_str());
      return false;
    } else {
      files->push_back(arg);
    }
  }
  return !files->empty();
}

}  // namespace

int RunTestPromql(const std::vector<std::string>& args) {
  if (args.size() == 1 && (args[0] == "--help" || args[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  promql::ScriptOptions options;
  std::vector<std::string> files;
  if (!ParseArguments(args, &options, &files)) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  options.on_failure = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
  promql::ScriptReport sum;
  bool broken = false;
  for (const std::string& path : files) {
    auto text = base::ReadFile(path);
    promql::ScriptReport report;
    if (text) {
      report = promql::RunScript(*text, path, options);
    } else {
      report.error = text.error().message();
    }
    if (!report.error.empty()) std::printf("%s\n", report.error.c_str());
    broken = broken || !report.error.empty();
    sum.passed += report.passed;
    sum.failed += report.failed;
  }
  std::printf("PASS %d/%d\n", sum.passed, sum.total());
  return sum.failed == 0 && !broken ? 0 : 1;
}

}  // namespace slurmscope::app
