#pragma once

#include <cstdint>

// The field numbers of io.prometheus.client (https://github.com/prometheus/client_model), for its
// reader and its writer; not for other rooms.
namespace slurmscope::exposition::proto {

enum Type { kCounter = 0, kGauge, kSummary, kUntyped, kHistogram, kGaugeHistogram };

enum FamilyField : uint32_t {
  kFamilyName = 1,
  kFamilyHelp,
  kFamilyType,
  kFamilyMetric,
  kFamilyUnit
};
enum LabelField : uint32_t { kLabelName = 1, kLabelValue };
enum MetricField : uint32_t {
  kMetricLabel = 1,
  kMetricGauge,
  kMetricCounter,
  kMetricSummary,
  kMetricUntyped,
  kMetricTimestampMs,
  kMetricHistogram
};
constexpr uint32_t kValue = 1;  // of a gauge, a counter and an untyped one
enum CounterField : uint32_t { kCounterExemplar = 2, kCounterCreated };
enum SummaryField : uint32_t { kSummaryCount = 1, kSummarySum, kSummaryQuantile, kSummaryCreated };
enum QuantileField : uint32_t { kQuantileOf = 1, kQuantileValue };
enum HistogramField : uint32_t {
  kHistogramCount = 1,
  kHistogramSum,
  kHistogramBucket,
  kHistogramCountFloat,
  kHistogramSchema,
  kHistogramZeroThreshold,
  kHistogramZeroCount,
  kHistogramZeroCountFloat,
  kHistogramNegative,  // spans, then deltas, then counts
  kHistogramPositive = 12,
  kHistogramCreated = 15,
  kHistogramExemplars
};
enum BucketField : uint32_t {
  kBucketCount = 1,
  kBucketUpperBound,
  kBucketExemplar,
  kBucketCountFloat
};
enum SpanField : uint32_t { kSpanOffset = 1, kSpanLength };
enum ExemplarField : uint32_t { kExemplarLabel = 1, kExemplarValue, kExemplarTimestamp };
enum TimestampField : uint32_t { kSeconds = 1, kNanos };

}  // namespace slurmscope::exposition::proto
