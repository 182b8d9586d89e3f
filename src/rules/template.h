#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/template_value.h"

namespace slurmscope::rules {

using base::Result;

// What the functions of a template reach.
struct TemplateContext {
  // The result of an instant query at the time of evaluation.
  std::function<Result<SampleVector>(const std::string& expr)> query;
  int64_t time_ms = 0;
  std::string external_url;  // "http://head:9090/prefix"
};

// Labels and annotations of alerts: Go's text/template (https://pkg.go.dev/text/template) with
// Prometheus' functions, and $labels, $externalLabels, $externalURL and $value set. `alert` names
// the template in errors: `error executing template __alert_X: template: ...`. Bounded: 1 MiB of
// output, 100000 steps, 100 levels of nesting, 100 queries.
Result<std::string> ExpandAlertTemplate(std::string_view alert, std::string_view text,
                                        const TemplateData& data, const TemplateContext& context);

// Whether a text parses; the error is Go's, without a prefix.
Result<void> CheckAlertTemplate(std::string_view alert, std::string_view text);

// Percent-encodes as Go's url.QueryEscape: a space becomes '+'.
std::string QueryEscape(std::string_view text);
// Where an expression is shown: /graph?g0.expr=...&g0.tab=1
std::string TableLink(std::string_view expr);
std::string GraphLink(std::string_view expr);

// The names of Prometheus' own functions, without those that all of Go's templates have.
std::vector<std::string_view> TemplateFunctionNames();

}  // namespace slurmscope::rules
