#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "base/duration_summary.h"

namespace slurmscope::scrape {

// The times that really passed between the scrapes of a target, by the interval that was meant.
// Thread-safe.
class ScrapeTimes {
 public:
  struct Values {
    int64_t interval_ms = 0;
    base::DurationSummary::Values lengths;
  };

  void Observe(int64_t interval_ms, double seconds, int64_t now_ns);
  std::vector<Values> Read(const std::vector<double>& ranks, int64_t now_ns) const;

 private:
  // Intervals come out of labels: no more than these are told apart.
  static constexpr size_t kMaxIntervals = 100;

  mutable std::mutex mutex_;
  std::map<int64_t, base::DurationSummary> by_interval_;
};

}  // namespace slurmscope::scrape
