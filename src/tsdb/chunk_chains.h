#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "tsdb/head.h"
#include "tsdb/head_chunk_files.h"
#include "tsdb/ref_map.h"

namespace slurmscope::tsdb {

// The chunks that a start finds in the head's files, by the refs of their series, until the log
// says which series those are. Not thread-safe.
class ChunkChains {
 public:
  explicit ChunkChains(Head& head) : head_(head) {}

  // The next chunk of the files. Left out are out-of-order ones, those that end before
  // head.min_valid(), and, with all later ones of their series, those that this version cannot use:
  // their samples are in the log.
  void Add(const HeadChunkFiles::Stored& stored);
  // The newest chunk of a series, with those before it, once; kNone when there is none.
  FullChunks::Index Take(uint64_t ref);
  // Frees what nobody took.
  void FreeRest();

 private:
  bool Usable(const HeadChunk& chunk, FullChunks::Index previous) const;

  Head& head_;
  RefMap newest_;
  std::vector<uint64_t> refs_;
  std::unordered_set<uint64_t> ended_;
};

}  // namespace slurmscope::tsdb
