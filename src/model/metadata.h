#pragma once

#include <string>
#include <string_view>

namespace slurmscope::model {

enum class MetricType {
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,
  kGaugeHistogram,
  kSummary,
  kInfo,
  kStateset
};

// The API's spelling: "counter", "gaugehistogram", "unknown", ...
std::string_view ToString(MetricType type);

// What TYPE, UNIT and HELP lines say of a metric family.
struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string unit;
  std::string help;
  bool operator==(const Metadata&) const = default;
};

}  // namespace slurmscope::model
