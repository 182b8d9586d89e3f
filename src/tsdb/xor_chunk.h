#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/sample.h"

namespace slurmscope::tsdb {

// XOR chunks (encoding 1), bit for bit as Prometheus writes them; docs/formats/xor-chunk.md. A
// chunk is a u16 BE number of samples and then a bit stream.

inline constexpr size_t kXorHeaderBytes = 2;
// What one sample can add, with the unfinished byte before it.
inline constexpr size_t kMaxXorSampleBytes = 24;
inline constexpr uint16_t kMaxXorSamples = 65535;

// Where an unfinished chunk stands: all that is needed to add the next sample, but for its count
// and last byte.
struct XorState {
  int64_t t = 0;
  uint64_t value_bits = 0;
  uint64_t delta = 0;
  uint8_t leading = 0xff;  // 0xff: no window of significant bits yet
  uint8_t trailing = 0;
  uint8_t free_bits = 0;  // unused low bits of the last byte
};

// Encodes sample number `count` (0 for the first) of a chunk. `out` has kMaxXorSampleBytes; when
// state.free_bits is not 0 the caller puts the chunk's last byte into out[0] before, and overwrites
// that byte with the result. Gives the number of bytes in `out`.
size_t EncodeXorSample(XorState& state, unsigned count, int64_t t, double v, uint8_t* out);

// A chunk in a string of its own. Times must ascend, which is not checked. Not thread-safe.
class XorChunkBuilder {
 public:
  // At most kMaxXorSamples.
  void Append(int64_t t, double v);
  unsigned count() const { return count_; }
  // The whole chunk: valid until the next Append.
  const std::string& bytes() const { return bytes_; }

 private:
  XorState state_;
  unsigned count_ = 0;
  std::string bytes_ = std::string(kXorHeaderBytes, '\0');
};

// The number of samples a chunk says it has; 0 when it is too short to say.
unsigned XorChunkSamples(std::string_view chunk);
// The time of the first sample of a chunk that has one.
int64_t XorChunkFirstTime(std::string_view chunk);

// Appends the samples of [mint, maxt] to `out`. Safe on any bytes: kCorruption when the stream ends
// early, the times do not ascend, or a code makes no sense; `out` is then as it was.
base::Result<void> DecodeXorChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                                  model::Columns* out);
// The same for a chunk and the one that comes after it, faster than one by one where it is hard to
// foresee whether values change, a little slower elsewhere.
base::Result<void> DecodeXorChunks(std::string_view first, std::string_view second, int64_t mint,
                                   int64_t maxt, model::Columns* out);

}  // namespace slurmscope::tsdb
