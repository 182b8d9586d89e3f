#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tsdb/head_chunk_format.h"
#include "tsdb/stable_array.h"

namespace slurmscope::tsdb {

// The full chunks of all series of a head. Of each there is a small node, which names the one
// before it of the same series; its bytes are in memory until they are in a mapped file.
// Thread-safe, where who uses a chunk without its series' lock holds a pass of the head's Grace.
class FullChunks {
 public:
  using Index = uint32_t;
  static constexpr Index kNone = 0;

  FullChunks();
  ~FullChunks();
  FullChunks(const FullChunks&) = delete;
  FullChunks& operator=(const FullChunks&) = delete;

  // A chunk behind `previous` that is in memory and waits to be written. At most 2^32 - 1 ms long.
  Index Add(Index previous, const HeadChunk& chunk);
  // One whose stored form is mapped, with kMaxHeadChunkBytes that may be read after its start.
  Index AddMapped(Index previous, int64_t mint, int64_t maxt, const char* stored);
  // Frees a chunk and all before it, which nobody may be looking at any more.
  void Free(Index newest);

  int64_t mint(Index index) const { return nodes_[index].mint; }
  int64_t maxt(Index index) const { return nodes_[index].mint + nodes_[index].duration; }
  Index previous(Index index) const {
    return nodes_[index].previous.load(std::memory_order_acquire);
  }
  // Leaves nothing before it.
  void CutBefore(Index index) { nodes_[index].previous.store(kNone, std::memory_order_release); }
  // kCorruption when a mapped file no longer has what was written.
  base::Result<EncodedChunk> Read(Index index) const;

  // Chunks to be written.
  struct Pending {
    Index index = kNone;
    std::string_view stored;
  };
  // The first of those that wait, in the order they were added, which is that of time for each
  // series; about `max_bytes`. They wait until Written() is told of them; by one thread at a time.
  std::vector<Pending> NextPending(size_t max_bytes);
  // Memory that is no longer needed once all passes given out until now are back.
  class Garbage {
   public:
    Garbage() = default;
    Garbage(const Garbage&) = delete;
    Garbage& operator=(const Garbage&) = delete;
    ~Garbage();

   private:
    friend class FullChunks;
    std::vector<char*> memory_;
  };
  // The first of what NextPending() gave are in a file, mapped at these places.
  void Written(const std::vector<Pending>& pending, const std::vector<const char*>& mapped,
               Garbage* garbage);
  size_t pending() const { return pending_.load(std::memory_order_relaxed); }

 private:
  // Flags beside the address, which has 47 bits.
  static constexpr uint64_t kMapped = uint64_t{1} << 63;
  static constexpr uint64_t kQueued = uint64_t{1} << 62;
  static constexpr uint64_t kDead = uint64_t{1} << 61;  // freed while queued
  static constexpr uint64_t kFlags = kMapped | kQueued | kDead;
  struct Node {
    std::atomic<uint64_t> stored = 0;  // changed under mutex_
    int64_t mint = 0;
    uint32_t duration = 0;
    std::atomic<Index> previous = kNone;
  };
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the flags share the word with the address.
  static char* AddressOf(uint64_t stored) { return reinterpret_cast<char*>(stored & ~kFlags); }
  Index NewNode(Index previous, int64_t mint, int64_t maxt, uint64_t stored);
  void Release(Index index);

  mutable std::mutex mutex_;  // of all below, but the content of nodes
  StableArray<Node, 8192> nodes_;
  std::vector<Index> free_;
  std::deque<Index> queue_;
  std::atomic<size_t> pending_ = 0;
};

}  // namespace slurmscope::tsdb
