#pragma once

#include <string>
#include <string_view>

#include "config/remote.h"
#include "remote/otlp_message.h"

// How names of OTLP become names of Prometheus:
// https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ and, for the
// translation strategies, https://prometheus.io/docs/guides/opentelemetry/.
namespace slurmscope::remote {

// The name of the series of a metric, without suffixes like _bucket; empty when nothing is left.
std::string OtlpMetricName(const OtlpMetric& metric, config::OtlpTranslation translation);
// The name of a label for an attribute; empty when nothing is left.
std::string OtlpLabelName(std::string_view attribute, const config::OtlpConfig& config);
// The unit in words, "By/s" as "bytes_per_second"; empty for one that has none.
std::string OtlpUnitName(std::string_view unit);

}  // namespace slurmscope::remote
