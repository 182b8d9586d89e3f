#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/int_histogram.h"
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
// Whether values change now and then, neither always nor never, as the first samples show: what the
// processor cannot foresee is better decoded two chunks at a time.
bool ChangesAtRandom(const model::Columns& samples);
// The same as DecodeChunk for a chunk and the one that comes after it.
base::Result<void> DecodeChunks(EncodedChunk first, EncodedChunk second, int64_t mint, int64_t maxt,
                                model::Columns* out);

// A sample of any kind, and what it came from.
struct AnySample {
  int64_t t = 0;
  size_t source = 0;
  std::variant<double, model::IntHistogram, model::FloatHistogram> value;
};
// Chunks of up to 120 samples; `samples` ascend by time.
std::vector<ChunkCopy> EncodeSamples(const std::vector<AnySample>& samples);

// Writes the samples of [mint, maxt] that `deleted` does not name anew, without loss: chunks that
// may overlap become ones that do not. Where two have a time, the sample of the one named last
// counts.
base::Result<std::vector<ChunkCopy>> RewriteChunks(const std::vector<EncodedChunk>& chunks,
                                                   int64_t mint, int64_t maxt,
                                                   const Intervals& deleted);

// The samples of [mint, maxt] that `deleted` does not name. Only chunks that are cut are written
// anew.
base::Result<std::vector<ChunkCopy>> TrimChunks(std::vector<ChunkCopy> chunks, int64_t mint,
                                                int64_t maxt, const Intervals& deleted);

// Makes pieces that overlap into ones that do not, sorted by time; `Piece` has mint, maxt and
// view(). `rewrite` is given the chunks of each group that overlaps, in the order they were given
// in. Copies of one chunk become one.
template <typename Piece, typename Rewrite>
base::Result<std::vector<Piece>> FlattenChunks(std::vector<Piece> pieces, Rewrite rewrite) {
  std::vector<size_t> order(pieces.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tuple(pieces[a].mint, pieces[a].maxt, a) <
           std::tuple(pieces[b].mint, pieces[b].maxt, b);
  });
  auto same = [&](size_t i, size_t k) {
    const Piece& a = pieces[i];
    const Piece& b = pieces[k];
    return a.mint == b.mint && a.maxt == b.maxt && a.view().encoding == b.view().encoding &&
           a.view().data == b.view().data;
  };
  order.erase(std::unique(order.begin(), order.end(), same), order.end());
  std::vector<Piece> out;
  for (size_t i = 0, next = 0; i < order.size(); i = next) {
    int64_t maxt = pieces[order[i]].maxt;
    for (next = i + 1; next < order.size() && pieces[order[next]].mint <= maxt; ++next) {
      maxt = std::max(maxt, pieces[order[next]].maxt);
    }
    if (next == i + 1) {
      out.push_back(std::move(pieces[order[i]]));
      continue;
    }
    auto at = [&](size_t place) { return order.begin() + static_cast<std::ptrdiff_t>(place); };
    std::sort(at(i), at(next));
    std::vector<EncodedChunk> chunks;
    for (size_t k = i; k < next; ++k) chunks.push_back(pieces[order[k]].view());
    for (Piece& piece : TRY(rewrite(chunks))) out.push_back(std::move(piece));
  }
  return out;
}
base::Result<std::vector<ChunkCopy>> FlattenChunks(std::vector<ChunkCopy> chunks);

// As queriers give them.
std::vector<model::RawChunk> ToRawChunks(std::vector<ChunkCopy> chunks);

}  // namespace slurmscope::tsdb
