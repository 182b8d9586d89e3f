#include "rules/load.h"

#include <set>

#include "base/glob.h"
#include "base/strings.h"
#include "rules/template.h"

namespace slurmscope::rules {
namespace {

constexpr size_t kMaxFiles = 10'000;

}  // namespace

config::RuleChecks MakeRuleChecks(const promql::ParserOptions& options) {
  config::RuleChecks checks;
  checks.expression = [options](std::string_view expr) -> config::RuleChecks::Reason {
    auto parsed = promql::ParseExpr(expr, options);
    if (parsed) return std::nullopt;
    return parsed.error().message();
  };
  checks.alert_template = [](std::string_view alert,
                             std::string_view text) -> config::RuleChecks::Reason {
    auto checked = CheckAlertTemplate(alert, text);
    if (checked) return std::nullopt;
    return checked.error().message();
  };
  return checks;
}

Result<std::vector<config::RuleGroupConfig>> LoadRules(const std::vector<std::string>& globs,
                                                       const promql::ParserOptions& options) {
  config::RuleChecks checks = MakeRuleChecks(options);
  std::vector<config::RuleGroupConfig> all;
  std::set<std::string> seen;
  std::string problems;
  for (const std::string& glob : globs) {
    for (const std::string& path : base::Glob(glob, kMaxFiles)) {
      if (!seen.insert(path).second) continue;
      auto groups = config::LoadRuleFile(path, checks);
      if (groups) {
        for (config::RuleGroupConfig& group : *groups) all.push_back(std::move(group));
      } else {
        base::StrAppend(problems, problems.empty() ? "" : "\n", groups.error().message());
      }
    }
  }
  if (!problems.empty()) return base::Fail(base::ErrorCode::kInvalidArgument, std::move(problems));
  return all;
}

}  // namespace slurmscope::rules
