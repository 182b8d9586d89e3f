#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tsdb/histogram_state.h"

namespace slurmscope::tsdb {

// Chunks of native histograms, integer (encoding 2) and float (encoding 3), bit for bit as
// Prometheus writes them; docs/formats/histogram-chunk.md. A stale marker is a histogram with a
// stale NaN as sum and nothing else.

inline constexpr size_t kHistogramHeaderBytes = 3;

template <typename Histogram>
struct TimedHistogram {
  int64_t t = 0;
  Histogram h;
};
using TimedIntHistogram = TimedHistogram<model::IntHistogram>;
using TimedFloatHistogram = TimedHistogram<model::FloatHistogram>;

// Whether a histogram can be added to a chunk. When not, it begins the next one, and `reset` tells
// whether something was lost in between.
struct HistogramFit {
  bool fits = false;
  bool reset = false;
};

// A chunk in the making. Not thread-safe.
template <typename State>
class HistogramChunkBuilder {
 public:
  using Histogram = typename State::Histogram;

  // `hint` is what the chunk says of the one before; that of its first histogram goes before it.
  explicit HistogramChunkBuilder(model::ResetHint hint = model::ResetHint::kUnknown)
      : hint_(hint), state_(layout_) {}

  // By the rules of Prometheus: gauges and counters do not mix; a chunk has one schema, one zero
  // threshold and one set of custom bounds; counters do not go down; only a stale marker follows a
  // stale marker.
  HistogramFit Fit(const Histogram& h) const;
  // Fit() must have said that it fits, and the time be later than all before. Writes the chunk
  // anew when `h` has buckets that it had no place for.
  void Append(int64_t t, const Histogram& h);

  unsigned count() const { return count_; }
  int64_t first_time() const { return first_time_; }
  int64_t last_time() const { return last_time_; }
  // The newest histogram, without buckets that hold zero.
  Histogram Last() const;
  // The whole chunk: valid until the next Append.
  const std::string& bytes() const { return bits_.bytes(); }

 private:
  void Begin(const Histogram& first);
  void Grow(HistogramLayout layout);
  void Write(int64_t t, const Histogram& h);

  model::ResetHint hint_;
  HistogramLayout layout_;
  State state_;
  BitWriter bits_;
  unsigned count_ = 0;
  int64_t first_time_ = 0;
  int64_t last_time_ = 0;
  int64_t time_delta_ = 0;
};

using IntHistogramChunkBuilder = HistogramChunkBuilder<IntHistogramState>;
using FloatHistogramChunkBuilder = HistogramChunkBuilder<FloatHistogramState>;
extern template class HistogramChunkBuilder<IntHistogramState>;
extern template class HistogramChunkBuilder<FloatHistogramState>;

// The hint of the first histogram of a chunk as it was written; those behind it are of no reset.
model::ResetHint HistogramChunkHint(std::string_view chunk);
// The time of the first sample of a chunk; kCorruption when there is none.
base::Result<int64_t> HistogramChunkFirstTime(std::string_view chunk);

// Append the samples of [mint, maxt] to `out`. Safe on any bytes: kCorruption when the stream ends
// early, the times do not ascend, or a code makes no sense; `out` is then as it was.
base::Result<void> DecodeIntHistogramChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                                           std::vector<TimedIntHistogram>* out);
base::Result<void> DecodeFloatHistogramChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                                             std::vector<TimedFloatHistogram>* out);
// Both kinds as queries want them: counts as floats, empty buckets left out, a stale marker as a
// stale NaN.
base::Result<void> DecodeHistogramColumns(bool integer, std::string_view chunk, int64_t mint,
                                          int64_t maxt, model::Columns* out);

}  // namespace slurmscope::tsdb
