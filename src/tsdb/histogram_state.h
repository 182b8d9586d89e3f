#pragma once

#include <cstdint>
#include <vector>

#include "model/int_histogram.h"
#include "model/sample.h"
#include "tsdb/bit_stream.h"
#include "tsdb/histogram_layout.h"

namespace slurmscope::tsdb {

// The newest sample of a histogram chunk while samples are added to it or read from it: what the
// next one is written against. Two of a kind, for the two encodings. Not thread-safe.

// The counts of one side's buckets by their place in the layout.
template <typename Bucket>
class BucketCursor {
 public:
  explicit BucketCursor(const std::vector<Bucket>& buckets) : buckets_(buckets) {}
  // Of the bucket with this index, which ascends from call to call.
  auto CountAt(int32_t index) {
    while (at_ < buckets_.size() && buckets_[at_].index < index) ++at_;
    bool there = at_ < buckets_.size() && buckets_[at_].index == index;
    return there ? buckets_[at_].count : decltype(Bucket::count){};
  }

 private:
  const std::vector<Bucket>& buckets_;
  size_t at_ = 0;
};

// Encoding 2. Counts are differences to the bucket before, and those are written as the change of
// the change from sample to sample.
class IntHistogramState {
 public:
  using Histogram = model::IntHistogram;
  using Bucket = model::IntHistogramBucket;

  explicit IntHistogramState(const HistogramLayout& layout)
      : buckets_(layout.buckets()), positive_(layout.positive.size()) {}

  void Write(const Histogram& h, const HistogramLayout& layout, bool first, BitWriter& bits);
  // False when a code makes no sense.
  bool Read(bool first, BitReader& bits);

  uint64_t count() const { return count_; }
  uint64_t zero_count() const { return zero_count_; }
  double sum() const { return sum_.value(); }
  // Calls `visit(place, count)` for one side's buckets in order.
  template <typename Visit>
  void VisitSide(bool positive, Visit visit) const {
    int64_t count = 0;
    size_t first = positive ? 0 : positive_;
    size_t last = positive ? positive_ : buckets_.size();
    for (size_t i = first; i < last; ++i) {
      count = Plus(count, buckets_[i].value);
      visit(i - first, count);
    }
  }

 private:
  struct Stored {
    int64_t value = 0;  // count minus that of the bucket before
    int64_t delta = 0;  // since the sample before
  };
  // Wrap around, as counts of foreign chunks may be anything.
  static int64_t Plus(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
  static int64_t Minus(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }
  void WriteTotals(const Histogram& h, bool stale, BitWriter& bits);
  void WriteSide(const std::vector<int32_t>& indexes, const std::vector<Bucket>& buckets,
                 size_t place, bool first, BitWriter& bits);

  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  int64_t count_delta_ = 0;
  int64_t zero_delta_ = 0;
  XorValue sum_;
  std::vector<Stored> buckets_;
  size_t positive_;
};

// Encoding 3. All numbers are floats, each written as XOR of itself in the sample before.
class FloatHistogramState {
 public:
  using Histogram = model::FloatHistogram;
  using Bucket = model::HistogramBucket;

  explicit FloatHistogramState(const HistogramLayout& layout)
      : buckets_(layout.buckets()), positive_(layout.positive.size()) {}

  void Write(const Histogram& h, const HistogramLayout& layout, bool first, BitWriter& bits);
  bool Read(bool first, BitReader& bits);

  double count() const { return count_.value(); }
  double zero_count() const { return zero_count_.value(); }
  double sum() const { return sum_.value(); }
  template <typename Visit>
  void VisitSide(bool positive, Visit visit) const {
    size_t first = positive ? 0 : positive_;
    size_t last = positive ? positive_ : buckets_.size();
    for (size_t i = first; i < last; ++i) visit(i - first, buckets_[i].value());
  }

 private:
  void WriteSide(const std::vector<int32_t>& indexes, const std::vector<Bucket>& buckets,
                 size_t place, bool first, BitWriter& bits);

  XorValue count_;
  XorValue zero_count_;
  XorValue sum_;
  std::vector<XorValue> buckets_;
  size_t positive_;
};

}  // namespace slurmscope::tsdb
