#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tsdb/head_chunk_files.h"
#include "tsdb/label_index.h"
#include "tsdb/ooo_chunk.h"

namespace slurmscope::tsdb {

inline constexpr size_t kOooChunkSamples = 32;

// A chunk of samples out of order. Its data are its own or, when it is in a file, mapped.
struct OooFullChunk {
  int64_t mint = 0;
  int64_t maxt = 0;
  uint8_t encoding = kXorEncoding;
  std::string bytes;
  std::string_view mapped;

  explicit OooFullChunk(ChunkCopy chunk)
      : mint(chunk.mint),
        maxt(chunk.maxt),
        encoding(chunk.encoding),
        bytes(std::move(chunk.bytes)) {
    bytes.shrink_to_fit();
  }
  EncodedChunk view() const {
    return {encoding, mapped.empty() ? std::string_view(bytes) : mapped};
  }
};
using OooChunkPtr = std::shared_ptr<const OooFullChunk>;

// The samples in memory that came out of order, in a table beside the series, so that series
// without any cost nothing. Those of a series are chunks in the order of their arrival, which may
// overlap: where two have a time, the later one counts. Full ones go to the head's chunk files, if
// there are any and they take them; the log has their samples all the same, so a start makes them
// anew. Thread-safe; who reads chunks holds a pass of the head's Grace.
//
// To be written as blocks, all that is there is frozen: new samples go into a new table, readers
// see both.
class OooStore {
 public:
  explicit OooStore(size_t chunk_samples = kOooChunkSamples) : chunk_samples_(chunk_samples) {}

  // Where full chunks go to, which must outlive this; before anything else.
  void KeepChunkFiles(HeadChunkFiles* files) { files_ = files; }
  // HeadChunkFiles::Truncate() without losing a chunk that is in use.
  base::Result<void> TruncateFiles(HeadChunkFiles& files, int64_t mint,
                                   std::vector<MappedFile>* unmapped) const;

  // False, and nothing happens, when the series' newest chunk has a sample of that time. `wal_ref`
  // is the series' ref in the log.
  bool Insert(SeriesId id, uint64_t wal_ref, OooSample sample);
  // Takes samples away for good.
  base::Result<void> Delete(SeriesId id, const TimeInterval& interval);

  bool any() const { return series_.load(std::memory_order_acquire) > 0; }
  bool Has(SeriesId id) const;
  bool Overlaps(SeriesId id, int64_t mint, int64_t maxt) const;
  // Whether there may be any of that time.
  bool Overlaps(int64_t mint, int64_t maxt) const;
  // Of the chunks; INT64_MAX / INT64_MIN when there are none.
  int64_t min_time() const;
  int64_t max_time() const;
  uint64_t chunks() const { return chunks_.load(std::memory_order_relaxed); }

  enum class Part { kAll, kFrozen };
  // The chunks of a series that may have samples of [mint, maxt], whole, by arrival.
  std::vector<OooChunkPtr> ChunksOf(SeriesId id, int64_t mint, int64_t maxt,
                                    Part part = Part::kAll) const;
  // Puts the samples of [mint, maxt] into `out`; they count over those of the same time there.
  base::Result<void> Read(SeriesId id, int64_t mint, int64_t maxt, model::Columns* out) const;
  std::vector<SeriesId> Ids(Part part = Part::kAll) const;

  // Only while nothing is frozen.
  void Freeze();
  bool frozen() const;
  void DropFrozen();
  // The starts of the ranges of `width` that have frozen samples.
  base::Result<std::set<int64_t>> FrozenRanges(int64_t width) const;

 private:
  struct Samples {
    std::vector<OooChunkPtr> full;
    OooChunk open;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<SeriesId, Samples> series;
  };
  struct Table {
    std::array<Shard, 32> shards;
    std::atomic<int64_t> mint = std::numeric_limits<int64_t>::max();
    std::atomic<int64_t> maxt = std::numeric_limits<int64_t>::min();
    // No chunk is before this in the files.
    std::atomic<HeadChunkFiles::Ref> first_ref = std::numeric_limits<HeadChunkFiles::Ref>::max();

    Shard& ShardOf(SeriesId id) { return shards[id % shards.size()]; }
    const Shard& ShardOf(SeriesId id) const { return shards[id % shards.size()]; }
  };
  using TablePtr = std::shared_ptr<Table>;

  std::vector<TablePtr> Tables(Part part) const;
  void Close(uint64_t wal_ref, Samples* samples);
  void MoveToFile(uint64_t wal_ref, OooFullChunk* chunk);
  base::Result<void> DeleteFrom(Samples* samples, const TimeInterval& interval);

  const size_t chunk_samples_;
  HeadChunkFiles* files_ = nullptr;
  mutable std::shared_mutex mutex_;  // of the pointers
  TablePtr active_ = std::make_shared<Table>();
  TablePtr frozen_;
  std::atomic<uint64_t> series_ = 0;  // in both tables, those in both twice
  std::atomic<uint64_t> chunks_ = 0;
};

}  // namespace slurmscope::tsdb
