#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "promql/engine.h"

namespace slurmscope::promql {

// How a script is run: unless told otherwise as Prometheus runs its own, with all of the language
// and names that go at the end of a query.
struct ScriptOptions {
  ParserOptions parser = {
      .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};
  bool delayed_name_removal = true;  // until the script has it otherwise
  int threads = 1;
  // Each instant case is also asked as the middle step of a range query, and at other times with
  // `@` its own.
  bool recheck = true;
  // Called with the text of each failure: "file:line: query: got ..., wanted ...".
  std::function<void(const std::string&)> on_failure = [](const std::string&) {};
};

struct ScriptReport {
  int passed = 0;
  int failed = 0;
  std::string error;  // the script itself is wrong: where and why; what follows did not run

  int total() const { return passed + failed; }
};

// Runs a PromQL test script (the grammar of Prometheus' promqltest: clear, load, eval instant, eval
// range with their expectations) against a storage of its own. A command of ours,
// `delayed_name_removal on|off`, stands before what is meant for one of the two only.
ScriptReport RunScript(std::string_view text, const std::string& name,
                       const ScriptOptions& options);

}  // namespace slurmscope::promql
