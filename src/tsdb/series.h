#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "tsdb/full_chunks.h"
#include "tsdb/label_index.h"
#include "tsdb/open_histogram.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {

inline constexpr int64_t kNoTime = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kChunkRangeMs = 2 * 3600 * 1000;
inline constexpr unsigned kSamplesPerChunk = 120;

// The end (exclusive) of the range of `width` that `t` falls in.
int64_t RangeEnd(int64_t t, int64_t width);
// The same, but at most 2^32 - 1 ms after `t`: no chunk of the head lasts longer than 49 days.
int64_t LatestChunkEnd(int64_t t, int64_t width);
// When to end a chunk that began at `start`, will be `times_larger` than it is at `now` and must
// end before `latest`: so that the range up to there is cut into equal chunks.
int64_t PredictChunkEnd(int64_t start, int64_t now, int64_t latest, double times_larger = 4);

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

// Whether a series is in use. Dying: without samples, and taken out unless some come. Gone: no
// longer in the label index, its place may be given to another.
enum class SeriesLife : uint32_t { kLive = 0, kDying = 1, kGone = 2 };

// One series of the head: its samples as full chunks, which are in the head's FullChunks, and an
// open one. Eighty bytes, as there are millions. Thread-safe where not said otherwise; `full`
// is the same object in all calls.
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

  SamplePlace Place(int64_t t, double v, const FullChunks& full);
  SamplePlace Place(int64_t t, HistogramRef h, const FullChunks& full);
  // Takes a sample that is newer than all others; false, and nothing happens, when it is not.
  // `new_chunk` tells whether it began a chunk; none spans a border of `chunk_range` ms.
  bool Append(int64_t t, double v, int64_t chunk_range, FullChunks& full, bool* new_chunk);
  // The same with a histogram that Validate() accepts. `new_chunk` is true also when there were
  // chunks of floats or of the other kind before.
  bool Append(int64_t t, HistogramRef h, int64_t chunk_range, FullChunks& full, bool* new_chunk);
  // The encoding of the newest sample; a stale marker continues it.
  uint8_t encoding(const FullChunks& full) const;
  // Gives a series without samples the chunks up to this one.
  void Restore(FullChunks::Index newest, const FullChunks& full);
  // For one without samples, as if it never had any.
  void ForgetTime();

  // Begins to load the series itself, which PrefetchAppend reads.
  void PrefetchSeries() const {
    __builtin_prefetch(&last_time_, 1);
    __builtin_prefetch(&lock_, 1);
  }
  // Begins to load what Append will write. May be called while another thread appends: then it may
  // load the wrong place, no more.
  __attribute__((no_sanitize_thread)) void PrefetchAppend() const {
    __builtin_prefetch(data_);
    __builtin_prefetch(data_ + size_, 1);
  }

  // The same for what Read will read of the open chunk.
  __attribute__((no_sanitize_thread)) void PrefetchRead() const {
    for (size_t at = 0; at < size_; at += 64) __builtin_prefetch(data_ + at);
  }

  // kNoTime when there is no sample.
  int64_t last_time() const { return LastTime().load(std::memory_order_relaxed); }
  // May be wrong by a sample that is just being added. Who calls this holds a pass.
  bool Overlaps(int64_t mint, int64_t maxt, const FullChunks& full) const;
  // The newest sample, without decoding any; nullopt when there is none, or none that is known so.
  std::optional<model::Sample> Newest() const;
  // Appends the samples of [mint, maxt] to `out`.
  base::Result<void> Read(int64_t mint, int64_t maxt, const FullChunks& full,
                          model::Columns* out) const;
  unsigned chunk_count(const FullChunks& full) const;
  // Appends the chunks with samples of [mint, maxt], cut to it, to `out`.
  base::Result<void> CopyChunks(int64_t mint, int64_t maxt, const FullChunks& full,
                                std::vector<ChunkCopy>* out) const;

  // Cuts off the chunks that end before `mint` and gives their number. The newest of the full ones
  // is added to `out`, to be freed with those before it when nobody can be reading them any more.
  unsigned Truncate(int64_t mint, FullChunks& full, std::vector<FullChunks::Index>* out);
  bool has_samples() const;

  // The generation counts how often the place was given to a series.
  uint32_t generation() const { return tag_.load(std::memory_order_acquire) >> 2; }
  SeriesLife life() const {
    return static_cast<SeriesLife>(tag_.load(std::memory_order_acquire) & 3);
  }
  void SetLife(SeriesLife life);
  // Makes the place of a series that is gone ready for the next one.
  void Recycle();
  // Both at once: true when the place holds a series of this generation that is not gone.
  bool IsGeneration(uint32_t generation, SeriesLife* life) const {
    uint32_t tag = tag_.load(std::memory_order_acquire);
    *life = static_cast<SeriesLife>(tag & 3);
    return tag >> 2 == generation && *life != SeriesLife::kGone;
  }

  // Whether the log names the series, and whether queries may see it. Changed by commits.
  std::atomic<bool> logged{false};
  std::atomic<bool> published{false};
  // The appender that last took a sample for this series (modulo 65536), to notice a second sample
  // in one batch.
  std::atomic<uint16_t> batch{0};

 private:
  std::atomic_ref<int64_t> LastTime() const { return std::atomic_ref<int64_t>(last_time_); }
  std::atomic_ref<int64_t> OpenStart() const { return std::atomic_ref<int64_t>(open_start_); }
  std::atomic_ref<FullChunks::Index> Full() const {
    return std::atomic_ref<FullChunks::Index>(full_);
  }
  EncodedChunk OpenChunk() const;
  OpenHistogram* open_histogram() const { return reinterpret_cast<OpenHistogram*>(data_); }
  void FreeOpen();
  size_t capacity() const { return size_t{capacity_} * 8; }
  bool MustCut(int64_t t);
  void Cut(FullChunks& full);
  void Encode(int64_t t, double v, int64_t chunk_range);
  void Reserve(size_t size);

  mutable int64_t last_time_ = kNoTime;
  mutable int64_t open_start_ = kNoTime;  // first time of the open chunk
  uint8_t* data_ = nullptr;               // the open chunk; an OpenHistogram when encoding_ says so
  uint64_t wal_ref_ = 0;
  uint64_t value_bits_ = 0;  // this and delta_ to free_bits_: see XorState
  mutable FullChunks::Index full_ = FullChunks::kNone;  // the newest full chunk
  uint32_t delta_ = 0;
  uint32_t next_cut_ = 0;         // how long after its start the open chunk must end
  std::atomic<uint32_t> tag_{0};  // generation << 2 | life
  uint32_t labels_first_ = 0;
  uint16_t labels_count_ = 0;
  uint16_t size_ = 0;     // of the open chunk; 1 when it is an OpenHistogram
  uint16_t samples_ = 0;  // in the open chunk
  uint8_t capacity_ = 0;  // of data_, in steps of 8 bytes
  uint8_t leading_ = 0xff;
  uint8_t trailing_ = 0;
  uint8_t free_bits_ = 0;
  uint8_t encoding_ = kXorEncoding;  // of the open chunk
  mutable ByteLock lock_;
};

}  // namespace slurmscope::tsdb
