#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "tsdb/chunk_segment.h"
#include "tsdb/tombstones.h"

namespace slurmscope::tsdb {

// What all encodings of chunks can do. Encoding 1 is xor_chunk.h, the others are histogram_chunk.h.
inline constexpr uint8_t kHistogramEncoding = 2;
inline constexpr uint8_t kFloatHistogramEncoding = 3;

// A chunk with bytes of its own.
struct ChunkCopy {
  int64_t mint = 0;
  int64_t maxt = 0;
  std::string bytes;
  uint8_t encoding = kXorEncoding;

  EncodedChunk view() const { return {encoding, bytes}; }
};

// The number of samples a chunk says it has; 0 when it is too short to say.
unsigned ChunkSamples(EncodedChunk chunk);
// Appends the samples of [mint, maxt] to `out`. Safe on any bytes: kCorruption when they do not
// check out, kUnavailable for an encoding that this version does not know; `out` is then as it was.
base::Result<void> DecodeChunk(EncodedChunk chunk, int64_t mint, int64_t maxt, model::Columns* out);

// Writes the samples of [mint, maxt] that `deleted` does not name anew, without loss: chunks that
// may overlap become ones that do not. Where two have a time, the sample of the one named first
// stays.
base::Result<std::vector<ChunkCopy>> RewriteChunks(const std::vector<EncodedChunk>& chunks,
                                                   int64_t mint, int64_t maxt,
                                                   const std::vector<TimeInterval>& deleted);

}  // namespace slurmscope::tsdb
