#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/protobuf.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/querier.h"
#include "model/sample.h"

// The protobuf messages of remote read:
// https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/.
namespace slurmscope::remote {

using base::Result;

struct ReadQuery {
  int64_t start = 0;  // ms, inclusive
  int64_t end = 0;    // ms, inclusive
  std::vector<model::Matcher> matchers;
  model::SelectHints hints;
};

struct ReadRequest {
  std::vector<ReadQuery> queries;
  // The client would rather have chunks than samples.
  bool chunks = false;
};

inline constexpr size_t kMaxReadItems = 1000;  // queries, and matchers of each

// prometheus.ReadRequest; kInvalidArgument when it is malformed or a matcher does not compile.
Result<ReadRequest> DecodeReadRequest(std::string_view message);

// Appends a QueryResult to a ReadResponse, which is whole when this is gone.
class QueryResultWriter {
 public:
  explicit QueryResultWriter(std::string* response) : response_(*response), result_(response_, 1) {}
  // Adds one prometheus.TimeSeries with these samples.
  void AddSeries(const model::Labels& labels, const model::Columns& samples);

 private:
  base::ProtoWriter response_;
  base::ProtoWriter result_;
};

// Appends one frame of the streamed answer: a prometheus.ChunkedReadResponse with chunks of one
// series, behind its length (uvarint) and checksum (CRC-32C, big endian).
void AppendChunkFrame(const model::Labels& labels, const model::RawChunk* chunks, size_t count,
                      int64_t query_index, std::string* out);

}  // namespace slurmscope::remote
