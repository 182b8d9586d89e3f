#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "tsdb/chunk_codec.h"
#include "tsdb/histogram_chunk.h"

namespace slurmscope::tsdb {

// A histogram of either kind that lives elsewhere.
class HistogramRef {
 public:
  HistogramRef(const model::IntHistogram& h) : ints_(&h) {}      // NOLINT: a view
  HistogramRef(const model::FloatHistogram& h) : floats_(&h) {}  // NOLINT

  bool integer() const { return ints_ != nullptr; }
  const model::IntHistogram& ints() const { return *ints_; }
  const model::FloatHistogram& floats() const { return *floats_; }
  uint8_t encoding() const { return integer() ? kHistogramEncoding : kFloatHistogramEncoding; }
  bool stale() const { return model::IsStale(integer() ? ints_->sum : floats_->sum); }
  bool custom() const { return integer() ? ints_->custom() : floats_->custom(); }

 private:
  const model::IntHistogram* ints_ = nullptr;
  const model::FloatHistogram* floats_ = nullptr;
};

// The open chunk of a series whose newest sample is a histogram, with the rules of when it ends:
// at the end of its range, at twice 1 KiB, or where a prediction made at a quarter of 1 KiB says,
// but for the range not before it has 10 samples. Not thread-safe.
class OpenHistogram {
 public:
  // Begins with this histogram. `hint` says whether something was lost since the chunk before, if
  // that was a chunk of the same kind.
  OpenHistogram(int64_t t, HistogramRef h, model::ResetHint hint, int64_t chunk_range);

  uint8_t encoding() const;
  // Adds a later histogram; false, and nothing happens, when it belongs into a new chunk, which
  // `next` is the hint for.
  bool Append(int64_t t, HistogramRef h, model::ResetHint* next);
  // Whether the newest histogram is the same one.
  bool EndsWith(HistogramRef h) const;

  std::string_view bytes() const;
  EncodedChunk chunk() const { return {encoding(), bytes()}; }
  int64_t first_time() const;

 private:
  bool MustEnd(int64_t t);
  unsigned count() const;
  int64_t last_time() const;

  std::variant<IntHistogramChunkBuilder, FloatHistogramChunkBuilder> builder_;
  int64_t range_end_;
  int64_t end_;
  bool predicted_ = false;
};

// Whether the last histogram of a chunk, at `t`, is the same one.
bool ChunkEndsWith(EncodedChunk chunk, int64_t t, HistogramRef h);

}  // namespace slurmscope::tsdb
