#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/block_meta.h"
#include "tsdb/chunk_segment.h"
#include "tsdb/index_reader.h"
#include "tsdb/tombstones.h"

namespace slurmscope::tsdb {

// A block on disk, mapped into memory. Immutable and thread-safe; its files may be deleted while it
// is held.
class Block {
 public:
  // kCorruption when something does not check out; errors name the file.
  static base::Result<std::shared_ptr<const Block>> Open(const std::string& directory);

  // With times that fit the chunks; stated_times() are those of the file, the end exclusive.
  const BlockMeta& meta() const { return meta_; }
  TimeInterval stated_times() const { return stated_; }
  const IndexReader& index() const { return *index_; }
  // The checksum is compared each time.
  base::Result<EncodedChunk> ReadChunk(uint64_t ref) const { return chunks_.Read(ref); }
  // Begins to load what ReadChunk will look at first.
  void PrefetchChunk(uint64_t ref) const { chunks_.Prefetch(ref); }
  // What was deleted of a series; nullptr when nothing was.
  const Intervals* DeletedOf(uint32_t series) const;
  const Tombstones& tombstones() const { return tombstones_; }
  uint64_t bytes() const { return bytes_; }  // on disk

  // Whoever meets damage in the block says so here; it is set aside then (BlockSet).
  void NoteDamage(const base::Error& error) const;
  bool damaged() const { return damaged_.load(std::memory_order_acquire); }
  std::string damage() const;  // what was met first
  // Passes a result on, having noted the error if it tells of damage, and names the block in it.
  template <typename T>
  base::Result<T> Checked(base::Result<T> result) const {
    if (result) return result;
    if (result.error().code() == base::ErrorCode::kCorruption) NoteDamage(result.error());
    return base::Fail(std::move(result).error().Wrap("block " + meta_.ulid));
  }
  // Whether it may hold samples of [mint, maxt].
  bool Overlaps(int64_t mint, int64_t maxt) const {
    return meta_.min_time <= maxt && mint < meta_.max_time;
  }

 private:
  Block() = default;
  BlockMeta meta_;
  TimeInterval stated_;
  MappedFile index_file_;
  std::optional<IndexReader> index_;
  ChunkReader chunks_;
  Tombstones tombstones_;
  uint64_t bytes_ = 0;
  mutable std::mutex damage_mutex_;
  mutable std::string damage_;
  mutable std::atomic<bool> damaged_ = false;
};

using BlockPtr = std::shared_ptr<const Block>;

}  // namespace slurmscope::tsdb
