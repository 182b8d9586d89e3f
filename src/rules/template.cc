#include "rules/template.h"

#include <memory>

#include "base/strings.h"
#include "rules/template_compiler.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

// What every label and annotation may use, put before its text as Prometheus does: columns in error
// texts count it.
constexpr std::string_view kDefinitions =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}";

constexpr size_t kMaxText = 1 << 20;

std::string NameOf(std::string_view alert) { return StrCat("__alert_", alert); }

Result<TemplateProgram> Parse(std::string_view alert, std::string_view text) {
  if (text.size() > kMaxText)
    return Fail(ErrorCode::kInvalidArgument, "the template is longer than 1 MiB");
  try {
    return CompileTemplate(NameOf(alert), StrCat(kDefinitions, text));
  } catch (const TemplateFailure& failure) {
    return Fail(ErrorCode::kInvalidArgument, failure.message);
  }
}

}  // namespace

Result<std::string> ExpandAlertTemplate(std::string_view alert, std::string_view text,
                                        const TemplateData& data, const TemplateContext& context) {
  if (text.find("{{") == std::string_view::npos) return std::string(text);
  TemplateProgram program =
      TRY_CONTEXT(Parse(alert, text), StrCat("error parsing template ", NameOf(alert)));
  try {
    return RunTemplate(program, std::make_shared<const TemplateData>(data), context);
  } catch (const TemplateFailure& failure) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("error executing template ", NameOf(alert), ": ", failure.message));
  }
}

Result<void> CheckAlertTemplate(std::string_view alert, std::string_view text) {
  TRY(Parse(alert, text));
  return {};
}

}  // namespace slurmscope::rules
