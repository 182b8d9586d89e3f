#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "promql/engine.h"

namespace slurmscope::promql {

// How a script is run: as Prometheus runs its own.
struct ScriptOptions {
  bool delayed_name_removal = true;
  int threads = 1;
  // Each instant case is also asked as the middle step of a range query.
  bool recheck_as_range = true;
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
// range with their expectations) against a storage of its own. Cases that need native histograms or
// start timestamps count as failed.
ScriptReport RunScript(std::string_view text, const std::string& name,
                       const ScriptOptions& options);

}  // namespace slurmscope::promql
