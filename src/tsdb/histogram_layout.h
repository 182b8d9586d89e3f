#pragma once

#include <cstdint>
#include <vector>

#include "tsdb/bit_stream.h"

namespace slurmscope::tsdb {

// What the histograms of one chunk have in common: the buckets that any of them has, and their
// bounds.
struct HistogramLayout {
  int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<int32_t> positive;  // bucket indexes, ascending
  std::vector<int32_t> negative;
  std::vector<double> custom_values;

  size_t buckets() const { return positive.size() + negative.size(); }
};

void WriteLayout(const HistogramLayout& layout, BitWriter& bits);
// False when the bits make no layout; safe on any bits. Has no more buckets than there are bits
// left.
bool ReadLayout(BitReader& bits, HistogramLayout* layout);

// Adds the indexes of `buckets`, which ascend; true when that changed something.
template <typename Bucket>
bool Widen(std::vector<int32_t>& indexes, const std::vector<Bucket>& buckets) {
  size_t at = 0;
  bool has_all = true;
  for (const Bucket& bucket : buckets) {
    while (at < indexes.size() && indexes[at] < bucket.index) ++at;
    has_all = at < indexes.size() && indexes[at] == bucket.index;
    if (!has_all) break;
  }
  if (has_all) return false;
  std::vector<int32_t> both;
  both.reserve(indexes.size() + buckets.size());
  at = 0;
  for (const Bucket& bucket : buckets) {
    while (at < indexes.size() && indexes[at] < bucket.index) both.push_back(indexes[at++]);
    if (at < indexes.size() && indexes[at] == bucket.index) ++at;
    both.push_back(bucket.index);
  }
  both.insert(both.end(), indexes.begin() + static_cast<std::ptrdiff_t>(at), indexes.end());
  indexes = std::move(both);
  return true;
}

}  // namespace slurmscope::tsdb
