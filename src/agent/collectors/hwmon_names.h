#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/metadata.h"

namespace slurmscope::agent {

// A file of a chip taken apart: "temp1_crit_alarm" is type temp, sensor temp1, element crit_alarm.
struct HwmonAttribute {
  std::string type;
  std::string sensor;
  std::string element;  // empty for "pwm1"
};

// nullopt for files that are no sensors (name, uevent).
std::optional<HwmonAttribute> ParseHwmonFile(std::string_view file);

// How an attribute is shown: in base units, value / divisor.
struct HwmonMetric {
  std::string name;
  std::string help;
  double divisor = 1;
  model::MetricType type = model::MetricType::kGauge;
};

// `has_plain`: the sensor also has a file without an element ("fan1" beside "fan1_input").
HwmonMetric HwmonMetricOf(const HwmonAttribute& attribute, bool has_plain);

// Lower case letters, digits and underscores, none of these at the ends.
std::string CleanName(std::string_view text);

}  // namespace slurmscope::agent
