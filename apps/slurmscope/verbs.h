#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "promql/parser.h"

namespace slurmscope::app {

// One function per verb: arguments after the verb, exit code. They print errors themselves.
int RunServe(const std::vector<std::string>& args, bool as_prometheus = false);
int RunCheck(const std::vector<std::string>& args);
int RunTest(const std::vector<std::string>& args);

// What the verbs above hand on.
int RunCheckRules(const std::vector<std::string>& args);
int RunTestPromql(const std::vector<std::string>& args);
int RunTestRules(const std::vector<std::string>& args);

// Switches on what a list of --enable-feature names of the query language.
void EnableFeatures(std::string_view list, promql::ParserOptions* options);

}  // namespace slurmscope::app
