#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "tsdb/label_index.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {

inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kChunkRangeMs = 2 * 3600 * 1000;
inline constexpr unsigned kSamplesPerChunk = 120;

// The end (exclusive) of the range of `width` that `t` falls in.
int64_t RangeEnd(int64_t t, int64_t width);
// When to end a chunk that began at `start`, has a quarter of its samples at `now` and must end
// before `latest`: so that the range up to there is cut into equal chunks.
int64_t PredictChunkEnd(int64_t start, int64_t now, int64_t latest);

// A lock of one byte, for sections of some hundred nanoseconds.
class ByteLock {
 public:
  void lock();
  void unlock() { held_.clear(std::memory_order_release); }

 private:
  std::atomic_flag held_ = ATOMIC_FLAG_INIT;
};

// What to do with a sample, by the series' newest one.
enum class SamplePlace { kNewer, kSame, kDuplicate, kOlder };

// One series of the head: its samples as full chunks and an open one. A hundred bytes, as there are
// millions. Thread-safe where not said otherwise.
class Series {
 public:
  Series() = default;
  ~Series();
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  // Set before the series is shared.
  void Init(uint64_t wal_ref, LabelRange labels);
  uint64_t wal_ref() const { return wal_ref_; }
  LabelRange labels() const { return {labels_first_, labels_count_}; }

  SamplePlace Place(int64_t t, double v);
  // Takes a sample that is newer than all others; false, and nothing happens, when it is not.
  // `new_chunk` tells whether it began a chunk.
  bool Append(int64_t t, double v, bool* new_chunk);

  // kNoTime when there is no sample.
  int64_t last_time() const { return LastTime().load(std::memory_order_relaxed); }
  bool Overlaps(int64_t mint, int64_t maxt) const;
  // Appends the samples of [mint, maxt] to `out`.
  base::Result<void> Read(int64_t mint, int64_t maxt, model::Columns* out) const;
  unsigned chunk_count() const;

  // Whether the log names the series, and whether queries may see it. Changed by commits.
  std::atomic<bool> logged{false};
  std::atomic<bool> published{false};
  // The appender that last took a sample for this series, to notice a second sample in one batch.
  std::atomic<uint32_t> batch{0};

 private:
  struct FullChunk;
  std::atomic_ref<int64_t> LastTime() const { return std::atomic_ref<int64_t>(last_time_); }
  std::string_view OpenChunk() const { return {reinterpret_cast<const char*>(data_), size_}; }
  bool MustCut(int64_t t);
  void Cut();
  void Encode(int64_t t, double v);
  void Reserve(size_t size);

  mutable int64_t last_time_ = kNoTime;
  mutable int64_t first_time_ = kNoTime;
  XorState state_;
  int64_t next_cut_ = 0;
  FullChunk* full_ = nullptr;  // newest first; immutable once linked
  uint8_t* data_ = nullptr;    // the open chunk
  uint64_t wal_ref_ = 0;
  uint32_t labels_first_ = 0;
  uint16_t labels_count_ = 0;
  uint16_t size_ = 0;
  uint16_t capacity_ = 0;
  mutable ByteLock lock_;
};

}  // namespace slurmscope::tsdb
