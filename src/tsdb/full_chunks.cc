#include "tsdb/full_chunks.h"

#include <cstdlib>
#include <new>
#include <string>

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr size_t kChecksumBytes = 4;

std::string_view StoredBytes(const char* stored) {
  EncodedChunk chunk = TrustedHeadChunk(stored);
  return {stored,
          static_cast<size_t>(chunk.data.data() + chunk.data.size() - stored) + kChecksumBytes};
}

}  // namespace

FullChunks::FullChunks() { nodes_.Grow(1); }  // the one that stands for none

FullChunks::~FullChunks() {
  for (size_t i = 1; i < nodes_.size(); ++i) {
    uint64_t stored = nodes_[i].stored;
    if ((stored & kMapped) == 0) std::free(AddressOf(stored));
  }
}

FullChunks::Garbage::~Garbage() {
  for (char* memory : memory_) std::free(memory);
}

FullChunks::Index FullChunks::NewNode(Index previous, int64_t mint, int64_t maxt, uint64_t stored) {
  size_t index = 0;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = nodes_.Grow(1);
    if (index == nodes_.kFull) throw std::bad_alloc();
  }
  Node& node = nodes_[index];
  node.mint = mint;
  node.duration = static_cast<uint32_t>(static_cast<uint64_t>(maxt) - static_cast<uint64_t>(mint));
  node.previous.store(previous, std::memory_order_relaxed);
  node.stored.store(stored, std::memory_order_release);
  return static_cast<Index>(index);
}

FullChunks::Index FullChunks::Add(Index previous, const HeadChunk& chunk) {
  thread_local std::string bytes;
  bytes.clear();
  AppendHeadChunk(chunk, &bytes);
  auto* memory = static_cast<char*>(std::malloc(bytes.size()));
  if (memory == nullptr) throw std::bad_alloc();
  bytes.copy(memory, bytes.size());
  // One that no file can hold stays in memory.
  uint64_t queued = bytes.size() <= kMaxHeadChunkBytes ? kQueued : 0;
  std::lock_guard lock(mutex_);
  Index index =
      NewNode(previous, chunk.mint, chunk.maxt, reinterpret_cast<uint64_t>(memory) | queued);
  if (queued == 0) return index;
  queue_.push_back(index);
  pending_.store(queue_.size(), std::memory_order_relaxed);
  return index;
}

FullChunks::Index FullChunks::AddMapped(Index previous, int64_t mint, int64_t maxt,
                                        const char* stored) {
  std::lock_guard lock(mutex_);
  return NewNode(previous, mint, maxt, reinterpret_cast<uint64_t>(stored) | kMapped);
}

void FullChunks::Release(Index index) {
  uint64_t stored = nodes_[index].stored.exchange(0, std::memory_order_relaxed);
  if ((stored & kMapped) == 0) std::free(AddressOf(stored));
  free_.push_back(index);
}

void FullChunks::Free(Index newest) {
  std::lock_guard lock(mutex_);
  while (newest != kNone) {
    Node& node = nodes_[newest];
    Index previous = node.previous.load(std::memory_order_relaxed);
    uint64_t stored = node.stored.load(std::memory_order_relaxed);
    if ((stored & kQueued) != 0) {
      node.stored.store(stored | kDead, std::memory_order_relaxed);
    } else {
      Release(newest);
    }
    newest = previous;
  }
}

Result<EncodedChunk> FullChunks::Read(Index index) const {
  uint64_t stored = nodes_[index].stored.load(std::memory_order_acquire);
  if ((stored & kMapped) == 0) return TrustedHeadChunk(AddressOf(stored));
  // Not a byte further than it was: the pages behind may still be written.
  std::string_view bytes = StoredBytes(AddressOf(stored));
  HeadChunk chunk;
  size_t size = 0;
  auto read = bytes.size() > kMaxHeadChunkBytes ? HeadChunkRead::kCorrupt
                                                : ReadHeadChunk(bytes, &chunk, &size);
  if (read == HeadChunkRead::kChunk) return chunk.chunk;
  return Fail(ErrorCode::kCorruption,
              "a file in chunks_head was damaged; the next start reads its samples from the log");
}

std::vector<FullChunks::Pending> FullChunks::NextPending(size_t max_bytes) {
  std::vector<Pending> batch;
  size_t bytes = 0;
  std::lock_guard lock(mutex_);
  while (!queue_.empty() && bytes < max_bytes) {
    if (batch.size() == queue_.size()) break;
    Index index = queue_[batch.size()];
    uint64_t stored = nodes_[index].stored.load(std::memory_order_relaxed);
    if ((stored & kDead) != 0 && batch.empty()) {
      queue_.pop_front();
      Release(index);
      continue;
    }
    batch.push_back({index, StoredBytes(AddressOf(stored))});
    bytes += batch.back().stored.size();
  }
  pending_.store(queue_.size(), std::memory_order_relaxed);
  return batch;
}

void FullChunks::Written(const std::vector<Pending>& pending,
                         const std::vector<const char*>& mapped, Garbage* garbage) {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < mapped.size(); ++i) {
    Node& node = nodes_[pending[i].index];
    uint64_t before = node.stored.load(std::memory_order_relaxed);
    node.stored.store(reinterpret_cast<uint64_t>(mapped[i]) | kMapped, std::memory_order_release);
    garbage->memory_.push_back(AddressOf(before));
    if ((before & kDead) != 0) Release(pending[i].index);
    queue_.pop_front();
  }
  pending_.store(queue_.size(), std::memory_order_relaxed);
}

}  // namespace slurmscope::tsdb
