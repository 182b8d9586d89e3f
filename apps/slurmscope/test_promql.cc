#include <cstdio>

#include "base/file.h"
#include "promql/script.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

constexpr const char* kUsage =
    "Usage: slurmscope test promql FILE...\n\n"
    "Runs PromQL test scripts (Prometheus' promqltest grammar) in process. Prints each case that "
    "fails, what it got\n"
    "and what was wanted, and ends with PASS n/m. Exit code 0: all passed.\n";

}  // namespace

int RunTestPromql(const std::vector<std::string>& args) {
  if (args.size() == 1 && (args[0] == "--help" || args[0] == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (args.empty()) {
    std::fputs(kUsage, stderr);
    return 1;
  }
  promql::ScriptOptions options;
  options.on_failure = [](const std::string& text) { std::printf("%s\n", text.c_str()); };
  promql::ScriptReport sum;
  bool broken = false;
  for (const std::string& path : args) {
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
