#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/duration_summary.h"
#include "exposition/text_writer.h"

namespace slurmscope::api {

// Writes families of the program's own /metrics. Not thread-safe.
class MetricsPage {
 public:
  explicit MetricsPage(std::string& out) : text_(out) {}

  template <typename T>
  void Counter(std::string_view name, std::string_view help, T value) {
    Write(name, help, model::MetricType::kCounter, static_cast<double>(value));
  }
  template <typename T>
  void Gauge(std::string_view name, std::string_view help, T value) {
    Write(name, help, model::MetricType::kGauge, static_cast<double>(value));
  }
  // The samples of one summary with these labels; the family is the caller's to write.
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  void Summary(std::string_view name, Labels labels, const std::vector<double>& ranks,
               const base::DurationSummary::Values& values);

  exposition::TextWriter& text() { return text_; }

 private:
  void Write(std::string_view name, std::string_view help, model::MetricType type, double value);

  exposition::TextWriter text_;
};

}  // namespace slurmscope::api
