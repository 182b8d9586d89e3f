#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "config/rule_files.h"
#include "promql/parser.h"

namespace slurmscope::rules {

using base::Result;

// What makes an expression or a template wrong, for config::ParseRuleFile.
config::RuleChecks MakeRuleChecks(const promql::ParserOptions& options);

// The groups of all files that match the globs, file by file; a file that two of them name is read
// once. The problems of all files at once. At most 10000 files.
Result<std::vector<config::RuleGroupConfig>> LoadRules(const std::vector<std::string>& globs,
                                                       const promql::ParserOptions& options);

}  // namespace slurmscope::rules
