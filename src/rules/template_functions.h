#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/template.h"
#include "rules/template_value.h"

namespace slurmscope::rules {

// What a parameter of a function takes.
enum class Want { kAny, kString, kVector, kSample };
std::string_view TypeName(Want want);  // as Go names it

constexpr size_t kMaxTemplateOutput = 1 << 20;
constexpr int kMaxTemplateQueries = 100;

// What a function may use besides its arguments.
struct CallContext {
  const TemplateContext& context;
  int queries = 0;
};

struct TemplateFunction {
  std::string_view name;
  std::vector<Want> params;  // the last one repeats when `variadic`
  bool variadic = false;
  Result<TemplateValue> (*call)(CallContext&, const Values&) = nullptr;
};

// nullptr when there is none. `and` and `or` have no `call`: they look at their arguments one after
// the other.
const TemplateFunction* FindTemplateFunction(std::string_view name);

// The value of a number as Go's constants: an int64_t, or a double where it is written as one.
// Nothing when it is no number or an int that does not fit.
std::optional<std::variant<int64_t, double>> GoNumber(const std::string& text);
// The value of 'x'.
std::optional<int64_t> GoCharacter(std::string_view quoted);
// The text of "...", '...' and `...` with Go's escapes; false when it is not valid.
bool GoUnquote(std::string_view quoted, std::string* out);

// eq ne lt le gt ge. template_compare.cc
Result<TemplateValue> CompareEqual(CallContext&, const Values& args);
Result<TemplateValue> CompareNotEqual(CallContext&, const Values& args);
Result<TemplateValue> CompareLess(CallContext&, const Values& args);
Result<TemplateValue> CompareLessEqual(CallContext&, const Values& args);
Result<TemplateValue> CompareGreater(CallContext&, const Values& args);
Result<TemplateValue> CompareGreaterEqual(CallContext&, const Values& args);

// Prometheus' own. template_humanize.cc
Result<double> ToFloat(const TemplateValue& value);
Result<TemplateValue> Humanize(CallContext&, const Values& args);
Result<TemplateValue> Humanize1024(CallContext&, const Values& args);
Result<TemplateValue> HumanizeDuration(CallContext&, const Values& args);
Result<TemplateValue> HumanizePercentage(CallContext&, const Values& args);
Result<TemplateValue> HumanizeTimestamp(CallContext&, const Values& args);
Result<TemplateValue> ToTime(CallContext&, const Values& args);
Result<TemplateValue> ToDuration(CallContext&, const Values& args);
Result<TemplateValue> ParseDurationSeconds(CallContext&, const Values& args);

// Text without regard to anything else. template_text.cc
Result<TemplateValue> Title(CallContext&, const Values& args);
Result<TemplateValue> ToUpper(CallContext&, const Values& args);
Result<TemplateValue> ToLower(CallContext&, const Values& args);
Result<TemplateValue> Match(CallContext&, const Values& args);
Result<TemplateValue> ReplaceAll(CallContext&, const Values& args);
Result<TemplateValue> StripPort(CallContext&, const Values& args);
Result<TemplateValue> StripDomain(CallContext&, const Values& args);
Result<TemplateValue> PathPrefix(CallContext&, const Values& args);
Result<TemplateValue> EscapeHtml(CallContext&, const Values& args);
Result<TemplateValue> EscapeJs(CallContext&, const Values& args);

}  // namespace slurmscope::rules
