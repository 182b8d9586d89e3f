#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "config/rule_tests.h"
#include "promql/parser.h"

namespace slurmscope::rules {

using base::Result;

struct RuleTestOptions {
  promql::ParserOptions parser;
  // Regular expressions, anywhere in the name of a test; empty: all tests run.
  std::vector<std::string> run;
};

// Runs a file of unit tests for rules. The failures, each a text of some lines as promtool words
// it; none when all is well. The error says why the tests could not run at all.
Result<std::vector<std::string>> RunRuleTests(const config::RuleTestFile& file,
                                              const RuleTestOptions& options);

}  // namespace slurmscope::rules
