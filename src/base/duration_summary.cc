#include "base/duration_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slurmscope::base {
namespace {

constexpr double kWidth = 1.02;
constexpr int kNothing = std::numeric_limits<int>::min();

// Of zero and less there is one class.
int ClassOf(double seconds) {
  if (!(seconds > 1e-12)) return kNothing;
  return static_cast<int>(std::floor(std::log(seconds) / std::log(kWidth)));
}

double MiddleOf(int size) { return size == kNothing ? 0 : std::pow(kWidth, size + 0.5); }

}  // namespace

void DurationSummary::Observe(double seconds, int64_t now_ns) {
  const int64_t number = now_ns / kWindowNs;
  const std::lock_guard lock(mutex_);
  sum_ += seconds;
  ++count_;
  Window& window = windows_[static_cast<size_t>(number) % kWindows];
  if (window.number != number) window = {number, {}};
  ++window.counts[ClassOf(seconds)];
}

DurationSummary::Values DurationSummary::Read(const std::vector<double>& ranks,
                                              int64_t now_ns) const {
  std::map<int, uint64_t> all;
  Values values;
  {
    const std::lock_guard lock(mutex_);
    values.sum = sum_;
    values.count = count_;
    for (const Window& window : windows_) {
      if (window.number <= now_ns / kWindowNs - static_cast<int64_t>(kWindows)) continue;
      for (const auto& [size, count] : window.counts) all[size] += count;
    }
  }
  uint64_t total = 0;
  for (const auto& [size, count] : all) total += count;
  for (const double rank : ranks) {
    const auto wanted =
        std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(rank * static_cast<double>(total))));
    uint64_t seen = 0;
    double value = std::numeric_limits<double>::quiet_NaN();
    for (const auto& [size, count] : all) {
      seen += count;
      value = MiddleOf(size);
      if (seen >= wanted) break;
    }
    values.quantiles.push_back(value);
  }
  return values;
}

}  // namespace slurmscope::base
