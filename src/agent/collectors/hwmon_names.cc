#include "agent/collectors/hwmon_names.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace slurmscope::agent {
namespace {

using base::StrCat;

constexpr std::string_view kTypes[] = {
    "vrm",  "beep_enable", "update_interval", "in",     "cpu",      "fan",       "pwm",
    "temp", "curr",        "power",           "energy", "humidity", "intrusion", "freq"};
constexpr double kMilli = 1e3;
constexpr double kMicro = 1e6;

bool IsRpm(std::string_view element) {
  return element == "input" || element == "min" || element == "max" || element == "target";
}

HwmonMetric OfPower(const std::string& name, std::string_view element) {
  if (element == "accuracy") {
    return {name, "Hardware monitor power meter accuracy, as a ratio", kMicro};
  }
  if (element.starts_with("average_interval")) {
    return {name + "_seconds",
            StrCat("Hardware monitor power usage update interval (", element, ")"), kMilli};
  }
  return {name + "_watt", StrCat("Hardware monitor for power usage in watts (", element, ")"),
          kMicro};
}

// Whole sensors of one file.
std::optional<HwmonMetric> OfLoneFile(std::string_view type) {
  if (type == "beep_enable") return HwmonMetric{"node_hwmon_beep_enabled", "Hardware beep enabled"};
  if (type == "vrm") {
    return HwmonMetric{"node_hwmon_voltage_regulator_version", "Hardware voltage regulator"};
  }
  if (type == "update_interval") {
    return HwmonMetric{"node_hwmon_update_interval_seconds", "Hardware monitor update interval",
                       kMilli};
  }
  return std::nullopt;
}

// Elements that mean the same for all sensors.
std::optional<HwmonMetric> OfElement(const std::string& name, const HwmonAttribute& a) {
  if (a.element == "fault") {
    return HwmonMetric{name, StrCat("Hardware sensor fault status (", a.type, ")")};
  }
  if (a.element == "alarm") {
    return HwmonMetric{name, StrCat("Hardware sensor alarm status (", a.type, ")")};
  }
  if (a.element == "beep") {
    return HwmonMetric{name + "_enabled", "Hardware monitor sensor has beeping enabled"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<HwmonAttribute> ParseHwmonFile(std::string_view file) {
  for (const std::string_view lone : {"beep_enable", "update_interval"}) {
    if (file == lone) return HwmonAttribute{std::string(file), StrCat(file, "0"), ""};
  }
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto digits = std::find_if(file.begin(), file.end(),
                                   [](char c) { return (c >= '0' && c <= '9') || c == '_'; });
  const auto end = std::find_if_not(digits, file.end(), is_digit);
  if (end != file.end() && *end != '_') return std::nullopt;
  HwmonAttribute out;
  out.type.assign(file.begin(), digits);
  if (std::find(std::begin(kTypes), std::end(kTypes), out.type) == std::end(kTypes)) {
    return std::nullopt;
  }
  out.sensor.assign(file.begin(), end);
  if (digits == end) out.sensor += '0';
  if (end != file.end()) out.element.assign(end + 1, file.end());
  return out;
}

HwmonMetric HwmonMetricOf(const HwmonAttribute& a, bool has_plain) {
  if (auto lone = OfLoneFile(a.type)) return *lone;
  std::string name = "node_hwmon_" + a.type;
  if (a.element == "input") {
    if (has_plain) name += "_input";
  } else if (!a.element.empty()) {
    name += "_" + CleanName(a.element);
  }
  if (auto common = OfElement(name, a)) return *common;
  const std::string element = a.element.empty() ? "input" : a.element;
  if (a.type == "in" || a.type == "cpu") {
    return {name + "_volts", StrCat("Hardware monitor for voltage (", element, ")"), kMilli};
  }
  if (a.type == "temp" && a.element != "type") {
    return {name + "_celsius", StrCat("Hardware monitor for temperature (", element, ")"), kMilli};
  }
  if (a.type == "curr") {
    return {name + "_amps", StrCat("Hardware monitor for current (", element, ")"), kMilli};
  }
  if (a.type == "power") return OfPower(name, element);
  if (a.type == "energy") {
    return {name + "_joule_total",
            StrCat("Hardware monitor for joules used so far (", element, ")"), kMicro,
            model::MetricType::kCounter};
  }
  if (a.type == "humidity") {
    return {name,
            StrCat("Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the "
                   "humidity as a percentage) (",
                   element, ")"),
            kMilli * 100};
  }
  if (a.type == "fan" && IsRpm(element)) {
    return {name + "_rpm",
            StrCat("Hardware monitor for fan revolutions per minute (", element, ")")};
  }
  if (a.type == "freq" && a.element == "input") {
    return {name + "_freq_mhz", "Hardware monitor for GPU frequency in MHz", kMicro};
  }
  return {name, StrCat("Hardware monitor ", a.type, " element ", a.element)};
}

std::string CleanName(std::string_view text) {
  std::string out;
  for (const char c : base::TrimSpace(text)) {
    const auto byte = static_cast<unsigned char>(c);
    out += std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '_';
  }
  const size_t begin = out.find_first_not_of('_');
  if (begin == std::string::npos) return {};
  return out.substr(begin, out.find_last_not_of('_') - begin + 1);
}

}  // namespace slurmscope::agent
