#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace slurmscope::base {

// Durations as a summary of Prometheus' clients tells them: their sum and number since the start,
// and quantiles of those of the last ten minutes, right to 1%. Thread-safe.
class DurationSummary {
 public:
  struct Values {
    double sum = 0;  // seconds
    uint64_t count = 0;
    std::vector<double> quantiles;  // NaN when there was nothing in the last ten minutes
  };

  // `now_ns` is of a steady clock.
  void Observe(double seconds, int64_t now_ns);
  // `ranks` are between 0 and 1.
  Values Read(const std::vector<double>& ranks, int64_t now_ns) const;

 private:
  static constexpr size_t kWindows = 5;
  static constexpr int64_t kWindowNs = int64_t{120} * 1'000'000'000;
  // Observations by size, each class 2% wide; of one piece of the last ten minutes.
  struct Window {
    int64_t number = -1;  // since the clock began
    std::map<int, uint64_t> counts;
  };

  mutable std::mutex mutex_;
  std::array<Window, kWindows> windows_;
  double sum_ = 0;
  uint64_t count_ = 0;
};

}  // namespace slurmscope::base
