#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "tsdb/chunk_codec.h"
#include "tsdb/open_histogram.h"
#include "tsdb/tombstones.h"

namespace slurmscope::tsdb {

// A sample that came out of order.
struct OooSample {
  using Histogram = std::variant<model::IntHistogram, model::FloatHistogram>;

  int64_t t = 0;
  double v = 0;
  std::shared_ptr<const Histogram> h = {};  // null: the sample is v

  static OooSample Of(int64_t t, HistogramRef h);
  // Of a sample with a histogram.
  HistogramRef view() const {
    return h->index() == 0 ? HistogramRef(std::get<0>(*h)) : HistogramRef(std::get<1>(*h));
  }
};

// The newest samples of a series that came out of order, by time, before they become a chunk. Not
// thread-safe.
class OooChunk {
 public:
  // False, and nothing happens, when there is a sample of that time.
  bool Insert(OooSample sample);
  void Remove(const TimeInterval& interval);
  void Clear() { samples_.clear(); }

  bool empty() const { return samples_.empty(); }
  size_t size() const { return samples_.size(); }
  int64_t mint() const { return samples_.front().t; }
  int64_t maxt() const { return samples_.back().t; }
  // One chunk, or several where floats and histograms take turns.
  std::vector<ChunkCopy> Encode() const;

 private:
  std::vector<OooSample> samples_;
};

}  // namespace slurmscope::tsdb
