#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/unfilled_allocator.h"
#include "model/histogram.h"

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

// What resize() adds to these has any value.
using Times = std::vector<int64_t, base::UnfilledAllocator<int64_t>>;
using Values = std::vector<double, base::UnfilledAllocator<double>>;

// The samples of one series as columns of equal length, times strictly ascending. `h` is empty when
// all are floats; else it is as long as the others, null for a float, and `v` is 0 where it is not
// null (a stale marker has no `h`). `st` is empty when no start times are known; else it holds when
// the counter of each sample began, 0 where that is not known.
struct Columns {
  Times t;
  Values v;
  std::vector<HistogramPtr> h = {};
  std::vector<int64_t> st = {};

  size_t size() const { return t.size(); }
  bool has_histograms() const { return !h.empty(); }
  const FloatHistogram* Histogram(size_t i) const { return h.empty() ? nullptr : h[i].get(); }

  void Clear() {
    t.clear();
    v.clear();
    h.clear();
    st.clear();
  }
  void Append(int64_t time, double value) {
    if (!h.empty()) h.emplace_back();
    if (!st.empty()) st.push_back(0);
    t.push_back(time);
    v.push_back(value);
  }
  void Append(int64_t time, HistogramPtr histogram) {
    if (h.empty()) h.resize(t.size());
    if (!st.empty()) st.push_back(0);
    h.push_back(std::move(histogram));
    t.push_back(time);
    v.push_back(0);
  }
  void SetStart(size_t i, int64_t start) {
    st.resize(t.size());
    st[i] = start;
  }
  // Leaves the last sample of some.
  void KeepNewest() {
    t[0] = t.back();
    v[0] = v.back();
    if (!h.empty()) h[0] = std::move(h.back());
    if (!st.empty()) st[0] = st.back();
    t.resize(1);
    v.resize(1);
    if (!h.empty()) h.resize(1);
    if (!st.empty()) st.resize(1);
  }
  // Replaces this with samples [first, last) of `from`.
  void Assign(const Columns& from, size_t first, size_t last) {
    auto copy = [first, last](const auto& source, auto& target) {
      if (source.empty()) return target.clear();
      target.assign(source.begin() + static_cast<std::ptrdiff_t>(first),
                    source.begin() + static_cast<std::ptrdiff_t>(last));
    };
    copy(from.t, t);
    copy(from.v, v);
    copy(from.h, h);
    copy(from.st, st);
  }
};

}  // namespace slurmscope::model
