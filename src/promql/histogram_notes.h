#pragma once

#include <string>
#include <string_view>

#include "base/strings.h"
#include "promql/annotations.h"

namespace slurmscope::promql {

// What a query says about histograms it could not take as they were, in Prometheus' wording.
class HistogramNotes {
 public:
  HistogramNotes(Annotations& notes, PosRange pos, std::string_view metric)
      : notes_(notes), pos_(pos), metric_(metric) {}

  void MixedWithFloats() const {
    notes_.Warn(
        base::StrCat("encountered a mix of histograms and floats for metric name ", Metric()),
        pos_);
  }
  void MixedWithFloatsInAggregation() const {
    notes_.Warn("encountered a mix of histograms and floats for aggregation", pos_);
  }
  void OverlappingStarts() const {
    notes_.Warn(base::StrCat("sample has start time that overlaps with previous sample timestamp "
                             "for metric ",
                             Metric()),
                pos_);
  }
  void MixedSchemas() const {
    notes_.Warn(base::StrCat("vector contains a mix of histograms with exponential and custom "
                             "buckets schemas for metric name ",
                             Metric()),
                pos_);
  }
  void NotCounter() const {
    notes_.Warn(base::StrCat("this native histogram metric is not a counter: ", Metric()), pos_);
  }
  void NotGauge() const {
    notes_.Warn(base::StrCat("this native histogram metric is not a gauge: ", Metric()), pos_);
  }
  // `operation`: addition, subtraction or aggregation.
  void ConflictingResets(std::string_view operation) const {
    notes_.Warn(base::StrCat("conflicting counter resets during histogram ", operation), pos_);
  }
  void Reconciled(std::string_view operation) const {
    notes_.Info(base::StrCat("mismatched custom buckets were reconciled during ", operation), pos_);
  }
  void IgnoredInMixedRange() const {
    notes_.Info(
        base::StrCat("ignored histograms in a range containing both floats and histograms for "
                     "metric name ",
                     Metric()),
        pos_);
  }
  void IgnoredInAggregation(std::string_view aggregation) const {
    notes_.Info(base::StrCat("ignored histogram in ", aggregation, " aggregation"), pos_);
  }

 private:
  std::string Metric() const { return base::StrCat("\"", metric_, "\""); }

  Annotations& notes_;
  PosRange pos_;
  std::string_view metric_;
};

}  // namespace slurmscope::promql
