// eq and its kin, with the errors of Go's text/template.
#include <cmath>

#include "base/strings.h"
#include "rules/template_functions.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

enum class Kind { kInvalid, kBool, kInt, kFloat, kString, kOther };

Kind KindOf(const TemplateValue& value) {
  if (!value.valid() || value.nil()) return Kind::kInvalid;
  if (value.As<bool>()) return Kind::kBool;
  if (value.As<int64_t>()) return Kind::kInt;
  if (value.As<DurationValue>()) return Kind::kInt;
  if (value.As<double>()) return Kind::kFloat;
  if (value.As<std::string>()) return Kind::kString;
  return Kind::kOther;
}

int64_t IntOf(const TemplateValue& value) {
  const auto* number = value.As<int64_t>();
  return number != nullptr ? *number : value.As<DurationValue>()->ns;
}

tl::unexpected<base::Error> Incompatible() {
  return Fail(ErrorCode::kInvalidArgument, "incompatible types for comparison");
}

Result<bool> Equal(const TemplateValue& a, const TemplateValue& b) {
  Kind kind = KindOf(a);
  Kind other = KindOf(b);
  if (kind != other) {
    if (kind == Kind::kInvalid || other == Kind::kInvalid) return false;
    return Incompatible();
  }
  switch (kind) {
    case Kind::kInvalid:
      return true;
    case Kind::kBool:
      return *a.As<bool>() == *b.As<bool>();
    case Kind::kInt:
      return IntOf(a) == IntOf(b);
    case Kind::kFloat:
      return *a.As<double>() == *b.As<double>();
    case Kind::kString:
      return *a.As<std::string>() == *b.As<std::string>();
    case Kind::kOther:
      break;
  }
  const auto* sample = a.As<std::shared_ptr<const TemplateSample>>();
  const auto* other_sample = b.As<std::shared_ptr<const TemplateSample>>();
  if (sample != nullptr && other_sample != nullptr) return *sample == *other_sample;
  return Fail(ErrorCode::kInvalidArgument,
              StrCat("non-comparable type ", a.ToText(), ": ", a.TypeName()));
}

Result<bool> Less(const TemplateValue& a, const TemplateValue& b) {
  Kind kind = KindOf(a);
  bool basic = kind != Kind::kInvalid && kind != Kind::kOther;
  Kind other = KindOf(b);
  if (!basic || other == Kind::kInvalid || other == Kind::kOther)
    return Fail(ErrorCode::kInvalidArgument, "invalid type for comparison");
  if (kind != other) return Incompatible();
  if (kind == Kind::kInt) return IntOf(a) < IntOf(b);
  if (kind == Kind::kFloat) return *a.As<double>() < *b.As<double>();
  if (kind == Kind::kString) return *a.As<std::string>() < *b.As<std::string>();
  return Fail(ErrorCode::kInvalidArgument, "invalid type for comparison");
}

}  // namespace

Result<TemplateValue> CompareEqual(CallContext&, const Values& args) {
  if (args.size() < 2) return Fail(ErrorCode::kInvalidArgument, "missing argument for comparison");
  for (size_t i = 1; i < args.size(); ++i) {
    if (TRY(Equal(args[0], args[i]))) return true;
  }
  return false;
}

Result<TemplateValue> CompareNotEqual(CallContext&, const Values& args) {
  return !TRY(Equal(args[0], args[1]));
}
Result<TemplateValue> CompareLess(CallContext&, const Values& args) {
  return TRY(Less(args[0], args[1]));
}
Result<TemplateValue> CompareLessEqual(CallContext&, const Values& args) {
  bool less = TRY(Less(args[0], args[1]));
  return less || TRY(Equal(args[0], args[1]));
}
Result<TemplateValue> CompareGreater(CallContext& call, const Values& args) {
  // Go: not less or equal, which tells with NaN.
  return !TRY(CompareLessEqual(call, args)).Truth();
}
Result<TemplateValue> CompareGreaterEqual(CallContext&, const Values& args) {
  return !TRY(Less(args[0], args[1]));
}

}  // namespace slurmscope::rules
