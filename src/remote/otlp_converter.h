#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/remote.h"
#include "model/appender.h"
#include "remote/otlp_message.h"
#include "remote/otlp_totals.h"

namespace slurmscope::remote {

// What becomes of sums and histograms of delta temporality.
enum class OtlpDelta {
  kRefused,
  kAsTheyAre,  // stored as they come, of unknown type: for sum_over_time
  kAddedUp,    // to cumulative ones
};

struct OtlpOptions {
  OtlpDelta delta = OtlpDelta::kRefused;
  bool start_times = false;  // a zero at the time when a sum began
};

// Makes series of the metrics of OTLP and appends their samples:
// https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/. For each
// resource there is a target_info with the attributes that are not labels of its series. Not
// thread-safe.
class OtlpConverter final : public OtlpSink {
 public:
  // Samples after `max_time_ms` are refused. The references must outlive it; `totals` is there
  // where deltas are added up.
  OtlpConverter(model::Appender& appender, const config::OtlpConfig& config, int64_t max_time_ms,
                OtlpOptions options = {}, OtlpTotals::Request* totals = nullptr)
      : appender_(appender),
        config_(config),
        max_time_ms_(max_time_ms),
        options_(options),
        totals_(totals) {}

  void BeginResource(const OtlpAttributes& attributes) override;
  void BeginScope(const OtlpScope& scope) override;
  void BeginMetric(const OtlpMetric& metric) override;
  void TakePoint(const OtlpPoint& point) override;
  void EndResource() override;

  uint64_t samples() const { return samples_; }
  uint64_t histograms() const { return histograms_; }
  uint64_t exemplars() const { return exemplars_; }
  uint64_t rejected_points() const { return rejected_points_; }
  // Of the first point that was rejected; empty when none was.
  const std::string& first_problem() const { return first_problem_; }

 private:
  // One point on its way to series.
  struct Target {
    const OtlpMetric& metric;
    const OtlpPoint& point;
    std::string_view name;
    model::LabelsBuilder labels;  // without the name
    int64_t t = 0;
    bool refused = false;
  };
  struct Series {
    model::SeriesRef ref = 0;
    model::Labels labels;
  };

  std::string_view ProblemOf(const OtlpMetric& metric) const;
  bool MakeLabels(const OtlpAttributes& attributes, model::LabelsBuilder* labels);
  void Add(const std::string& name, std::string_view value, model::LabelsBuilder* labels) const;

  Series Sample(Target& target, std::string_view suffix, std::string_view label,
                std::string_view label_value, double value);
  void SumAndCount(Target& target);
  void Number(Target& target);
  void ClassicHistogram(Target& target);
  void CustomHistogram(Target& target);
  void ExponentialHistogram(Target& target);
  void Summary(Target& target);
  void Histogram(Target& target, model::IntHistogram histogram);
  void Convert(Target& target);
  void AppendStart(const Target& target, const model::Labels& labels,
                   const model::IntHistogram* histogram);
  model::MetricType TypeOf(const OtlpMetric& metric) const;
  void Exemplars(const Target& target, const Series& series, double after, double up_to);
  bool InTime(Target& target, const model::Labels& labels);
  void Judge(model::AppendStatus status, const model::Labels& labels, Target& target);
  void Reject(uint64_t points, std::string_view reason, std::string_view metric);

  model::Appender& appender_;
  const config::OtlpConfig& config_;
  const int64_t max_time_ms_;
  const OtlpOptions options_;
  OtlpTotals::Request* const totals_;

  OtlpAttributes resource_;  // sorted, as the others
  std::string job_;
  std::string instance_;
  OtlpAttributes promoted_;  // of the resource, by label names
  OtlpAttributes scope_;     // labels of it, when they are asked for
  OtlpMetric metric_;        // whose points come
  std::string name_;         // of it in Prometheus
  std::string problem_;      // why its points are not taken; empty: they are
  int64_t last_ms_ = 0;      // newest point of the resource
  bool any_ = false;

  uint64_t samples_ = 0;
  uint64_t histograms_ = 0;
  uint64_t exemplars_ = 0;
  uint64_t rejected_points_ = 0;
  std::string first_problem_;
};

// The buckets of one side of an exponential histogram in Prometheus' schema `schema` <= `scale`;
// kInvalidArgument when they do not fit.
Result<std::vector<model::IntHistogramBucket>> OtlpBucketsOf(const OtlpBuckets& buckets,
                                                             int32_t scale, int32_t schema);

}  // namespace slurmscope::remote
