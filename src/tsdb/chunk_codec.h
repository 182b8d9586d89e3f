#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/querier.h"
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
                                                   const Intervals& deleted);

// The samples of [mint, maxt] that `deleted` does not name. Only chunks that are cut are written
// anew.
base::Result<std::vector<ChunkCopy>> TrimChunks(std::vector<ChunkCopy> chunks, int64_t mint,
                                                int64_t maxt, const Intervals& deleted);

// Makes pieces that overlap into ones that do not, sorted by time; `Piece` has mint, maxt and
// view(). `rewrite` is given the chunks of each group that overlaps, the earliest first. Copies of
// one chunk become one.
template <typename Piece, typename Rewrite>
base::Result<std::vector<Piece>> FlattenChunks(std::vector<Piece> pieces, Rewrite rewrite) {
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::pair(a.mint, a.maxt) < std::pair(b.mint, b.maxt);
  });
  auto same = [](const Piece& a, const Piece& b) {
    return a.mint == b.mint && a.maxt == b.maxt && a.view().encoding == b.view().encoding &&
           a.view().data == b.view().data;
  };
  pieces.erase(std::unique(pieces.begin(), pieces.end(), same), pieces.end());
  std::vector<Piece> out;
  for (size_t i = 0, next = 0; i < pieces.size(); i = next) {
    int64_t maxt = pieces[i].maxt;
    for (next = i + 1; next < pieces.size() && pieces[next].mint <= maxt; ++next) {
      maxt = std::max(maxt, pieces[next].maxt);
    }
    if (next == i + 1) {
      out.push_back(std::move(pieces[i]));
      continue;
    }
    std::vector<EncodedChunk> chunks;
    for (size_t k = i; k < next; ++k) chunks.push_back(pieces[k].view());
    for (Piece& piece : TRY(rewrite(chunks))) out.push_back(std::move(piece));
  }
  return out;
}
base::Result<std::vector<ChunkCopy>> FlattenChunks(std::vector<ChunkCopy> chunks);

// As queriers give them.
std::vector<model::RawChunk> ToRawChunks(std::vector<ChunkCopy> chunks);

}  // namespace slurmscope::tsdb
