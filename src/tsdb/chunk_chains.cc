#include "tsdb/chunk_chains.h"

#include <limits>

namespace slurmscope::tsdb {

bool ChunkChains::Usable(const HeadChunk& chunk, FullChunks::Index previous) const {
  uint8_t encoding = chunk.chunk.encoding;
  bool known = encoding == kXorEncoding || encoding == kHistogramEncoding ||
               encoding == kFloatHistogramEncoding;
  uint64_t duration = static_cast<uint64_t>(chunk.maxt) - static_cast<uint64_t>(chunk.mint);
  bool later = previous == FullChunks::kNone || head_.full_chunks().maxt(previous) < chunk.mint;
  return known && later && duration <= std::numeric_limits<uint32_t>::max();
}

void ChunkChains::Add(const HeadChunkFiles::Stored& stored) {
  const HeadChunk& chunk = stored.chunk;
  head_.ReserveRef(chunk.series_ref);
  bool wanted = !chunk.out_of_order && chunk.maxt >= head_.min_valid();
  if (!wanted || ended_.count(chunk.series_ref) > 0) return;
  FullChunks::Index previous = newest_.Get(chunk.series_ref).value_or(FullChunks::kNone);
  if (!Usable(chunk, previous)) {
    ended_.insert(chunk.series_ref);
    return;
  }
  if (previous == FullChunks::kNone) refs_.push_back(chunk.series_ref);
  newest_.Set(chunk.series_ref,
              head_.full_chunks().AddMapped(previous, chunk.mint, chunk.maxt, stored.bytes));
}

FullChunks::Index ChunkChains::Take(uint64_t ref) {
  FullChunks::Index newest = newest_.Get(ref).value_or(FullChunks::kNone);
  if (newest != FullChunks::kNone) newest_.Erase(ref);
  return newest;
}

void ChunkChains::FreeRest() {
  for (uint64_t ref : refs_) head_.full_chunks().Free(Take(ref));
}

}  // namespace slurmscope::tsdb
