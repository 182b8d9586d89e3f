#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace slurmscope::model {

// A value at a time in milliseconds since the epoch.
struct Sample {
  int64_t t = 0;
  double v = 0;
};

// NaNs have meanings in Prometheus' data: one bit pattern for a real NaN, one that marks a series
// as ended.
inline constexpr uint64_t kNormalNanBits = 0x7ff8000000000001;
inline constexpr uint64_t kStaleNanBits = 0x7ff0000000000002;
inline double NormalNan() { return std::bit_cast<double>(kNormalNanBits); }
inline double StaleNan() { return std::bit_cast<double>(kStaleNanBits); }
inline bool IsStale(double v) { return std::bit_cast<uint64_t>(v) == kStaleNanBits; }

// The samples of one series as columns of equal length, times strictly ascending.
struct Columns {
  std::vector<int64_t> t;
  std::vector<double> v;

  size_t size() const { return t.size(); }
  void Clear() {
    t.clear();
    v.clear();
  }
};

}  // namespace slurmscope::model
