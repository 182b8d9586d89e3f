// Numbers for people, as Prometheus writes them:
// https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
#include <cmath>
#include <string>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "rules/template_functions.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr std::string_view kSmallPrefixes = "munpfazy";

std::string FourDigits(double value) { return GoFloat(value, 'g', 4); }
bool IsOdd(double value) { return std::isnan(value) || std::isinf(value); }

// 0.0012 -> "1.2m"
std::string Small(double value) {
  std::string prefix;
  for (char c : kSmallPrefixes) {
    if (std::fabs(value) >= 1) break;
    prefix = c;
    value *= 1000;
  }
  return FourDigits(value) + prefix;
}

std::string Large(double value, double base, const std::vector<std::string_view>& prefixes) {
  std::string_view prefix;
  for (std::string_view candidate : prefixes) {
    if (std::fabs(value) < base) break;
    prefix = candidate;
    value /= base;
  }
  return StrCat(FourDigits(value), prefix);
}

std::string DurationText(double value) {
  if (IsOdd(value)) return FourDigits(value);
  if (value == 0) return FourDigits(value) + "s";
  if (std::fabs(value) < 1) return Small(value) + "s";
  std::string sign = value < 0 ? "-" : "";
  value = std::fabs(value);
  int64_t whole = value < 9.2e18 ? static_cast<int64_t>(value) : INT64_MIN;
  int64_t days = whole / 86400;
  int64_t hours = whole / 3600 % 24;
  int64_t minutes = whole / 60 % 60;
  std::string seconds = StrCat(whole % 60, "s");
  if (days != 0) return StrCat(sign, days, "d ", hours, "h ", minutes, "m ", seconds);
  if (hours != 0) return StrCat(sign, hours, "h ", minutes, "m ", seconds);
  if (minutes != 0) return StrCat(sign, minutes, "m ", seconds);
  return StrCat(sign, FourDigits(value), "s");
}

Result<int64_t> TimeMs(double seconds) {
  double ns = seconds * 1e9;
  if (ns > 9223372036854775807.0 || ns < -9223372036854775808.0) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat(GoFloat(seconds, 'g', -1),
                       " cannot be represented as a nanoseconds timestamp since it overflows "
                       "int64"));
  }
  return static_cast<int64_t>(ns) / 1'000'000;
}

}  // namespace

Result<double> ToFloat(const TemplateValue& value) {
  if (const auto* number = value.As<double>()) return *number;
  if (const auto* number = value.As<int64_t>()) return static_cast<double>(*number);
  if (const auto* duration = value.As<DurationValue>())
    return static_cast<double>(duration->ns) / 1e9;
  if (const auto* text = value.As<std::string>()) {
    if (auto number = base::ParseFloat(*text)) return *number;
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("strconv.ParseFloat: parsing ", base::Quote(*text), ": invalid syntax"));
  }
  return Fail(ErrorCode::kInvalidArgument, StrCat("can't convert ", value.TypeName(), " to float"));
}

Result<TemplateValue> Humanize(CallContext&, const Values& args) {
  double value = TRY(ToFloat(args[0]));
  if (value == 0 || IsOdd(value)) return FourDigits(value);
  if (std::fabs(value) < 1) return Small(value);
  return Large(value, 1000, {"k", "M", "G", "T", "P", "E", "Z", "Y"});
}

Result<TemplateValue> Humanize1024(CallContext&, const Values& args) {
  double value = TRY(ToFloat(args[0]));
  if (std::fabs(value) <= 1 || IsOdd(value)) return FourDigits(value);
  return Large(value, 1024, {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"});
}

Result<TemplateValue> HumanizeDuration(CallContext&, const Values& args) {
  return DurationText(TRY(ToFloat(args[0])));
}

Result<TemplateValue> HumanizePercentage(CallContext&, const Values& args) {
  return FourDigits(TRY(ToFloat(args[0])) * 100) + "%";
}

Result<TemplateValue> HumanizeTimestamp(CallContext&, const Values& args) {
  double value = TRY(ToFloat(args[0]));
  if (IsOdd(value)) return FourDigits(value);
  return GoTimeText(TRY(TimeMs(value)));
}

Result<TemplateValue> ToTime(CallContext&, const Values& args) {
  double value = TRY(ToFloat(args[0]));
  if (IsOdd(value)) return Fail(ErrorCode::kInvalidArgument, "value is NaN or Inf");
  return TimeValue{TRY(TimeMs(value))};
}

Result<TemplateValue> ToDuration(CallContext&, const Values& args) {
  double ns = TRY(ToFloat(args[0])) * 1e9;
  bool fits = std::fabs(ns) < 9.2e18;  // false for NaN
  return DurationValue{fits ? static_cast<int64_t>(ns) : INT64_MIN};
}

Result<TemplateValue> ParseDurationSeconds(CallContext&, const Values& args) {
  return static_cast<double>(TRY(base::ParseDurationMs(*args[0].As<std::string>()))) / 1000;
}

}  // namespace slurmscope::rules
