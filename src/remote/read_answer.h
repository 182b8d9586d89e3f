#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/querier.h"
#include "model/sample.h"

// The client's side of the messages of remote read.
namespace slurmscope::remote {

using base::Result;

// prometheus.ReadRequest with one query, for chunks or else samples.
std::string EncodeReadRequest(const model::SelectHints& hints, int64_t mint, int64_t maxt,
                              const std::vector<model::Matcher>& matchers);

// A series that was read from elsewhere.
struct ReadSeries {
  model::Labels labels;
  model::Columns samples;
};

// Appends the samples of [mint, maxt] of a chunk to columns; an error when its bytes are none.
using ChunkDecoder = std::function<Result<void>(const model::RawChunk& chunk, int64_t mint,
                                                int64_t maxt, model::Columns* out)>;

// What of an answer is taken.
struct ReadLimits {
  int64_t mint = 0;  // samples of these times
  int64_t maxt = 0;
  uint64_t max_samples = 50'000'000;     // beyond: kResourceExhausted
  uint64_t max_frame_bytes = 50u << 20;  // likewise
};

// The series of a prometheus.ReadResponse. Samples are in the order of their times, of equal times
// the first counts. Safe on any bytes, as is the next.
Result<std::vector<ReadSeries>> DecodeReadAnswer(std::string_view message,
                                                 const ReadLimits& limits);
// The series of a stream of prometheus.ChunkedReadResponse.
Result<std::vector<ReadSeries>> DecodeChunkedAnswer(std::string_view frames,
                                                    const ReadLimits& limits,
                                                    const ChunkDecoder& decode);

}  // namespace slurmscope::remote
