#include "rules/template_value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "base/float_text.h"
#include "base/strings.h"

namespace slurmscope::rules {
namespace {

using base::StrAppend;
using base::StrCat;

template <typename... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overload(Ts...) -> Overload<Ts...>;

std::string MapText(const StringMap& map) {
  std::string out = "map[";
  for (const auto& [key, value] : map) StrAppend(out, out.size() > 4 ? " " : "", key, ":", value);
  return out + "]";
}

std::string MapText(const ValueMap& map) {
  std::string out = "map[";
  for (const auto& [key, value] : map)
    StrAppend(out, out.size() > 4 ? " " : "", key, ":", value.ToText());
  return out + "]";
}

std::string FloatText(double value) { return GoFloat(value, 'g', -1); }

std::string SampleText(const TemplateSample& sample) {
  return StrCat("{", MapText(sample.labels), " ",
                sample.histogram ? sample.histogram->ToString() : FloatText(sample.value), "}");
}

constexpr std::string_view kDataType =
    "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
    "Value interface {} }";

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};

struct Moment {
  std::tm tm{};
  int milliseconds = 0;
};

Moment At(int64_t ms) {
  Moment moment;
  int64_t seconds = ms / 1000;
  moment.milliseconds = static_cast<int>(ms % 1000);
  if (moment.milliseconds < 0) {
    moment.milliseconds += 1000;
    --seconds;
  }
  std::time_t time = seconds;
  gmtime_r(&time, &moment.tm);
  return moment;
}

std::string Padded(int64_t value, size_t width, char pad = '0') {
  std::string digits = StrCat(value < 0 ? -value : value);
  std::string out = value < 0 ? "-" : "";
  if (digits.size() < width) out.append(width - digits.size(), pad);
  return out + digits;
}

// The pieces of Go's reference time that a layout may hold, longest first where one begins another.
struct LayoutPiece {
  std::string_view text;
  std::string (*write)(const Moment&);
};
int Hour12(const Moment& m) { return m.tm.tm_hour % 12 == 0 ? 12 : m.tm.tm_hour % 12; }
constexpr size_t Abbreviated = 3;
const LayoutPiece kLayout[] = {
    {"January", [](const Moment& m) { return std::string(kMonths[m.tm.tm_mon]); }},
    {"Jan",
     [](const Moment& m) { return std::string(kMonths[m.tm.tm_mon].substr(0, Abbreviated)); }},
    {"Monday", [](const Moment& m) { return std::string(kDays[m.tm.tm_wday]); }},
    {"Mon",
     [](const Moment& m) { return std::string(kDays[m.tm.tm_wday].substr(0, Abbreviated)); }},
    {"MST", [](const Moment&) { return std::string("UTC"); }},
    {"2006", [](const Moment& m) { return Padded(m.tm.tm_year + 1900, 4); }},
    {"-07:00:00", [](const Moment&) { return std::string("+00:00:00"); }},
    {"-07:00", [](const Moment&) { return std::string("+00:00"); }},
    {"-0700", [](const Moment&) { return std::string("+0000"); }},
    {"-07", [](const Moment&) { return std::string("+00"); }},
    {"Z07:00", [](const Moment&) { return std::string("Z"); }},
    {"Z0700", [](const Moment&) { return std::string("Z"); }},
    {"002", [](const Moment& m) { return Padded(m.tm.tm_yday + 1, 3); }},
    {"01", [](const Moment& m) { return Padded(m.tm.tm_mon + 1, 2); }},
    {"02", [](const Moment& m) { return Padded(m.tm.tm_mday, 2); }},
    {"03", [](const Moment& m) { return Padded(Hour12(m), 2); }},
    {"04", [](const Moment& m) { return Padded(m.tm.tm_min, 2); }},
    {"05", [](const Moment& m) { return Padded(m.tm.tm_sec, 2); }},
    {"06", [](const Moment& m) { return Padded((m.tm.tm_year + 1900) % 100, 2); }},
    {"15", [](const Moment& m) { return Padded(m.tm.tm_hour, 2); }},
    {"PM", [](const Moment& m) { return std::string(m.tm.tm_hour >= 12 ? "PM" : "AM"); }},
    {"pm", [](const Moment& m) { return std::string(m.tm.tm_hour >= 12 ? "pm" : "am"); }},
    {"_2", [](const Moment& m) { return Padded(m.tm.tm_mday, 2, ' '); }},
    {"1", [](const Moment& m) { return StrCat(m.tm.tm_mon + 1); }},
    {"2", [](const Moment& m) { return StrCat(m.tm.tm_mday); }},
    {"3", [](const Moment& m) { return StrCat(Hour12(m)); }},
    {"4", [](const Moment& m) { return StrCat(m.tm.tm_min); }},
    {"5", [](const Moment& m) { return StrCat(m.tm.tm_sec); }},
};

// ".000" and ".999" after the seconds: digits of the fraction, the latter without trailing zeros.
size_t FractionLength(std::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',')) return 0;
  char digit = layout[1];
  if (digit != '0' && digit != '9') return 0;
  size_t n = 1;
  while (n < layout.size() && layout[n] == digit) ++n;
  bool more_digits = n < layout.size() && layout[n] >= '0' && layout[n] <= '9';
  return more_digits ? 0 : n;
}

std::string Fraction(const Moment& moment, std::string_view layout) {
  std::string digits = Padded(moment.milliseconds, 3) + "000000";
  digits.resize(std::min<size_t>(layout.size() - 1, 9));
  if (layout[1] == '9') {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) return {};
  }
  return layout[0] + digits;
}

}  // namespace

std::string_view TemplateValue::TypeName() const {
  static constexpr std::array<std::string_view, 14> kNames = {"<nil>",
                                                              "<nil>",
                                                              "bool",
                                                              "int",
                                                              "float64",
                                                              "string",
                                                              "*template.sample",
                                                              "template.queryResult",
                                                              "map[string]string",
                                                              "map[string]interface {}",
                                                              kDataType,
                                                              "*histogram.FloatHistogram",
                                                              "*time.Time",
                                                              "*time.Duration"};
  return kNames[value_.index()];
}

bool TemplateValue::Truth() const {
  return std::visit(
      Overload{[](const NoValue&) { return false; }, [](const NilValue&) { return false; },
               [](bool v) { return v; }, [](int64_t v) { return v != 0; },
               [](double v) { return v != 0; }, [](const std::string& v) { return !v.empty(); },
               [](const std::shared_ptr<const TemplateSample>& v) { return v != nullptr; },
               [](const std::shared_ptr<const SampleVector>& v) { return !v->empty(); },
               [](const std::shared_ptr<const StringMap>& v) { return !v->empty(); },
               [](const std::shared_ptr<const ValueMap>& v) { return !v->empty(); },
               [](const auto&) { return true; }},
      value_);
}

std::string TemplateValue::ToText() const {
  return std::visit(
      Overload{[](const NoValue&) { return std::string("<no value>"); },
               [](const NilValue&) { return std::string("<nil>"); },
               [](bool v) { return std::string(v ? "true" : "false"); },
               [](int64_t v) { return StrCat(v); }, [](double v) { return FloatText(v); },
               [](const std::string& v) { return v; },
               [](const std::shared_ptr<const TemplateSample>& v) { return SampleText(*v); },
               [](const std::shared_ptr<const SampleVector>& v) {
                 // Go shows addresses here, which say nothing to anybody.
                 std::string out = "[";
                 for (const auto& sample : *v)
                   StrAppend(out, out.size() > 1 ? " " : "", SampleText(*sample));
                 return out + "]";
               },
               [](const std::shared_ptr<const StringMap>& v) { return MapText(*v); },
               [](const std::shared_ptr<const ValueMap>& v) { return MapText(*v); },
               [](const std::shared_ptr<const TemplateData>& v) {
                 return StrCat("{", MapText(v->labels), " ", MapText(v->external_labels), " ",
                               v->external_url, " ",
                               v->histogram ? v->histogram->ToString() : FloatText(v->value), "}");
               },
               [](const model::HistogramPtr& v) { return v->ToString(); },
               [](const TimeValue& v) { return GoTimeText(v.ms); },
               [](const DurationValue& v) { return GoDurationText(v.ns); }},
      value_);
}

std::string GoTimeFormat(int64_t ms, std::string_view layout) {
  Moment moment = At(ms);
  std::string out;
  while (!layout.empty()) {
    size_t fraction = FractionLength(layout);
    if (fraction > 0) {
      out += Fraction(moment, layout.substr(0, fraction));
      layout.remove_prefix(fraction);
      continue;
    }
    const LayoutPiece* piece = nullptr;
    for (const LayoutPiece& candidate : kLayout) {
      if (layout.starts_with(candidate.text)) piece = &candidate;
      if (piece != nullptr) break;
    }
    out += piece == nullptr ? std::string(1, layout[0]) : piece->write(moment);
    layout.remove_prefix(piece == nullptr ? 1 : piece->text.size());
  }
  return out;
}

std::string GoTimeText(int64_t ms) {
  return GoTimeFormat(ms, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string GoDurationText(int64_t ns) {
  if (ns == 0) return "0s";
  std::string sign = ns < 0 ? "-" : "";
  uint64_t rest = ns < 0 ? ~static_cast<uint64_t>(ns) + 1 : static_cast<uint64_t>(ns);
  auto decimal = [](uint64_t whole, uint64_t fraction, size_t digits) {
    std::string text = StrCat(fraction);
    text.insert(0, digits - text.size(), '0');
    while (!text.empty() && text.back() == '0') text.pop_back();
    return text.empty() ? StrCat(whole) : StrCat(whole, ".", text);
  };
  if (rest < 1'000) return StrCat(sign, rest, "ns");
  if (rest < 1'000'000) return StrCat(sign, decimal(rest / 1'000, rest % 1'000, 3), "\xC2\xB5s");
  if (rest < 1'000'000'000)
    return StrCat(sign, decimal(rest / 1'000'000, rest % 1'000'000, 6), "ms");
  uint64_t seconds = rest / 1'000'000'000;
  std::string out = sign;
  if (seconds >= 3600) StrAppend(out, seconds / 3600, "h");
  if (seconds >= 60) StrAppend(out, seconds / 60 % 60, "m");
  return StrCat(out, decimal(seconds % 60, rest % 1'000'000'000, 9), "s");
}

}  // namespace slurmscope::rules
