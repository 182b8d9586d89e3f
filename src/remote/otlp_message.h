#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

// The messages of OTLP metrics:
// opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest of
// https://github.com/open-telemetry/opentelemetry-proto, and its JSON form.
namespace slurmscope::remote {

using base::Result;

// Names and values; values that are no text are written as text, nested ones as JSON.
using OtlpAttributes = std::vector<std::pair<std::string, std::string>>;

struct OtlpExemplar {
  uint64_t time_ns = 0;
  double value = 0;
  std::string trace_id;  // hexadecimal, empty when there is none
  std::string span_id;
  OtlpAttributes attributes;
};

// One side of an exponential histogram: buckets from index `offset` on.
struct OtlpBuckets {
  int32_t offset = 0;
  std::vector<uint64_t> counts;
};

// A data point of any kind; what its kind does not have stays as it is.
struct OtlpPoint {
  OtlpAttributes attributes;
  uint64_t time_ns = 0;
  uint64_t start_ns = 0;  // since when a sum or its like adds up; 0: not known
  bool no_value = false;  // the series has ended
  double value = 0;       // of gauges and sums
  uint64_t count = 0;     // of all others, as the sum
  double sum = 0;
  bool has_sum = false;
  std::vector<double> bounds;  // of histograms: upper bounds, and one count more
  std::vector<uint64_t> counts;
  int32_t scale = 0;  // of exponential histograms
  uint64_t zero_count = 0;
  double zero_threshold = 0;
  OtlpBuckets positive;
  OtlpBuckets negative;
  std::vector<std::pair<double, double>> quantiles;  // of summaries, with their values
  std::vector<OtlpExemplar> exemplars;
};

enum class OtlpKind { kNone, kGauge, kSum, kHistogram, kExponentialHistogram, kSummary };

struct OtlpMetric {
  std::string name;
  std::string description;
  std::string unit;
  OtlpKind kind = OtlpKind::kNone;
  bool cumulative = false;  // what has no temporality is neither
  bool delta = false;       // points say what came since the one before
  bool monotonic = false;
};

struct OtlpScope {
  std::string name;
  std::string version;
  std::string schema_url;
  OtlpAttributes attributes;
};

// Takes what a request holds: resources, in each the scopes, in each the metrics, in each the
// points, one at a time.
class OtlpSink {
 public:
  virtual ~OtlpSink() = default;
  virtual void BeginResource(const OtlpAttributes& attributes) = 0;
  virtual void BeginScope(const OtlpScope& scope) = 0;
  virtual void BeginMetric(const OtlpMetric& metric) = 0;
  virtual void TakePoint(const OtlpPoint& point) = 0;
  virtual void EndResource() = 0;
};

// What one point or one list of attributes may have: a few bytes of a message would be a hundred
// times as much in memory.
inline constexpr size_t kMaxOtlpItems = 10'000;     // attributes, exemplars, quantiles
inline constexpr size_t kMaxOtlpBuckets = 100'000;  // of a histogram's side

// kInvalidArgument says what is malformed; what is before it was given already. Safe on any bytes.
Result<void> DecodeOtlp(std::string_view message, OtlpSink& sink);

// The JSON form as the protobuf form. Unknown keys are left out. Safe on any bytes.
Result<std::string> OtlpJsonToProtobuf(std::string_view text);

}  // namespace slurmscope::remote
