#include "base/strings.h"
#include "rules/template_expression.h"

namespace slurmscope::rules {
namespace {

using base::StrCat;

TemplateValue DurationMethod(Frame& frame, DurationValue duration, const std::string& name) {
  auto ns = static_cast<double>(duration.ns);
  if (name == "Seconds") return ns / 1e9;
  if (name == "Minutes") return ns / 60e9;
  if (name == "Hours") return ns / 3600e9;
  if (name == "Milliseconds") return duration.ns / 1'000'000;
  if (name == "String") return GoDurationText(duration.ns);
  frame.Fail(StrCat("can't evaluate field ", name, " in type time.Duration"));
}

TemplateValue FormatTime(Frame& frame, int64_t ms, const Given& given) {
  if (given.count() != 1)
    frame.Fail(StrCat("wrong number of args for Format: want 1 got ", given.count()));
  bool beside = given.beside != nullptr && !given.beside->empty();
  TemplateValue layout =
      beside ? given.beside->front()->Argument(frame, Want::kString) : *given.piped;
  const auto* text = layout.As<std::string>();
  if (text == nullptr)
    frame.Fail(StrCat("wrong type for value; expected string; got ", layout.TypeName()));
  return GoTimeFormat(ms, *text);
}

TemplateValue TimeMethod(Frame& frame, TimeValue time, const std::string& name) {
  if (name == "UTC") return time;
  if (name == "String") return GoTimeText(time.ms);
  if (name == "Unix") return time.ms / 1000;
  if (name == "UnixMilli") return time.ms;
  if (name == "Month") return GoTimeFormat(time.ms, "January");
  if (name == "Weekday") return GoTimeFormat(time.ms, "Monday");
  static const std::map<std::string, std::string_view> kNumbers = {
      {"Year", "2006"}, {"Day", "2"},    {"YearDay", "002"},
      {"Hour", "15"},   {"Minute", "4"}, {"Second", "5"}};
  auto it = kNumbers.find(name);
  if (it == kNumbers.end())
    frame.Fail(StrCat("can't evaluate field ", name, " in type ", TemplateValue(time).TypeName()));
  return base::ParseInt<int64_t>(GoTimeFormat(time.ms, it->second)).value_or(0);
}

template <typename Map>
TemplateValue Entry(const Map& map, const std::string& name, TemplateValue otherwise) {
  auto it = map.find(name);
  return it == map.end() ? otherwise : TemplateValue(it->second);
}

// A map inside of something shared.
template <typename Owner>
TemplateValue Inside(const std::shared_ptr<const Owner>& owner, const StringMap& map) {
  return std::shared_ptr<const StringMap>(owner, &map);
}

TemplateValue Number(double value, const model::HistogramPtr& histogram) {
  if (histogram) return histogram;
  return value;
}

TemplateValue Member(const TemplateValue& receiver, const std::string& name, bool* known) {
  if (const auto* sample = receiver.As<std::shared_ptr<const TemplateSample>>()) {
    if (name == "Labels") return Inside(*sample, (*sample)->labels);
    if (name == "Value") return (*sample)->value;
  }
  if (const auto* data = receiver.As<std::shared_ptr<const TemplateData>>()) {
    if (name == "Labels") return Inside(*data, (*data)->labels);
    if (name == "ExternalLabels") return Inside(*data, (*data)->external_labels);
    if (name == "ExternalURL") return (*data)->external_url;
    if (name == "Value") return Number((*data)->value, (*data)->histogram);
  }
  *known = false;
  return {};
}

}  // namespace

TemplateValue FieldOf(Frame& frame, const TemplateValue& receiver, const std::string& name,
                      const Given& given) {
  if (!receiver.valid() || receiver.nil()) return {};
  if (const auto* duration = receiver.As<DurationValue>())
    return DurationMethod(frame, *duration, name);
  const auto* time = receiver.As<TimeValue>();
  if (time != nullptr && name == "Format") return FormatTime(frame, time->ms, given);
  if (time != nullptr) return TimeMethod(frame, *time, name);
  const auto* strings = receiver.As<std::shared_ptr<const StringMap>>();
  const auto* values = receiver.As<std::shared_ptr<const ValueMap>>();
  bool map = strings != nullptr || values != nullptr;
  if (map && given.count() > 0) frame.Fail(StrCat(name, " is not a method but has arguments"));
  if (strings != nullptr) return Entry(**strings, name, std::string());
  if (values != nullptr) return Entry(**values, name, TemplateValue());
  bool known = true;
  TemplateValue member = Member(receiver, name, &known);
  if (!known) frame.Fail(StrCat("can't evaluate field ", name, " in type ", receiver.TypeName()));
  if (given.count() > 0)
    frame.Fail(StrCat(name, " has arguments but cannot be invoked as function"));
  return member;
}

}  // namespace slurmscope::rules
