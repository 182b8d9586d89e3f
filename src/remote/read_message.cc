#include "remote/read_message.h"

#include <cmath>

#include "base/bytes.h"
#include "remote/histogram_message.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using base::ProtoWriter;
using base::View;

constexpr int32_t kStreamedXorChunks = 1;

Result<model::Matcher> ReadMatcher(ProtoReader message) {
  int32_t type = 0;
  std::string_view name;
  std::string_view value;
  while (message.next()) {
    if (message.tag() == 1) {
      type = message.get_enum();
    } else if (message.tag() == 2) {
      name = View(message.get_view());
    } else if (message.tag() == 3) {
      value = View(message.get_view());
    } else {
      message.skip();
    }
  }
  if (type < 0 || type > 3) return Fail(ErrorCode::kInvalidArgument, "invalid matcher type");
  return model::Matcher::Make(static_cast<model::MatchType>(type), name, value);
}

model::SelectHints ReadHints(ProtoReader message) {
  model::SelectHints hints;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        hints.step = message.get_int64();
        break;
      case 2:
        hints.func = message.get_string();
        break;
      case 3:
        hints.start = message.get_int64();
        break;
      case 4:
        hints.end = message.get_int64();
        break;
      case 7:
        hints.range = message.get_int64();
        break;
      default:
        message.skip();
    }
  }
  return hints;
}

// Of a few bytes each would be hundreds in memory, and an answer of its own.
Result<void> CheckCount(size_t count, std::string_view what) {
  if (count <= kMaxReadItems) return {};
  return Fail(ErrorCode::kInvalidArgument, base::StrCat("over ", kMaxReadItems, " ", what));
}

Result<ReadQuery> ReadOneQuery(ProtoReader message) {
  ReadQuery query;
  bool has_hints = false;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        query.start = message.get_int64();
        break;
      case 2:
        query.end = message.get_int64();
        break;
      case 3:
        query.matchers.push_back(TRY(ReadMatcher(message.get_message())));
        TRY(CheckCount(query.matchers.size(), "matchers of a query"));
        break;
      case 4:
        query.hints = ReadHints(message.get_message());
        has_hints = true;
        break;
      default:
        message.skip();
    }
  }
  if (has_hints && query.hints.start >= query.start && query.hints.end <= query.end) return query;
  query.hints.start = query.start;
  query.hints.end = query.end;
  return query;
}

void WriteLabels(const model::Labels& labels, ProtoWriter* series) {
  for (model::Label label : labels) {
    ProtoWriter message(*series, 1);
    message.add_string(1, label.name.data(), label.name.size());
    message.add_string(2, label.value.data(), label.value.size());
  }
}

}  // namespace

Result<ReadRequest> DecodeReadRequest(std::string_view bytes) {
  ReadRequest request;
  auto decode = [&]() -> Result<void> {
    ProtoReader message(bytes.data(), bytes.size());
    bool decided = false;
    while (message.next()) {
      if (message.tag() == 1) {
        request.queries.push_back(TRY(ReadOneQuery(message.get_message())));
        TRY(CheckCount(request.queries.size(), "queries"));
      } else if (message.tag() == 2) {
        // In the order of the client's liking, packed or not. The first is one that we have.
        bool packed = message.wire_type() == protozero::pbf_wire_type::length_delimited;
        int32_t first = 0;
        if (packed) {
          auto types = message.get_packed_enum();
          if (types.empty()) continue;
          first = *types.begin();
        } else {
          first = message.get_enum();
        }
        if (!decided) request.chunks = first == kStreamedXorChunks;
        decided = true;
      } else {
        message.skip();
      }
    }
    return {};
  };
  TRY(base::DecodeProtobuf(decode));
  return request;
}

void QueryResultWriter::AddSeries(const model::Labels& labels, const model::Columns& samples) {
  ProtoWriter series(result_, 1);
  WriteLabels(labels, &series);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (const model::FloatHistogram* h = samples.Histogram(i)) {
      ProtoWriter message(series, 4);
      EncodeHistogram(*h, samples.t[i], &message);
      continue;
    }
    ProtoWriter sample(series, 2);
    sample.add_double(1, samples.v[i]);
    sample.add_int64(2, samples.t[i]);
  }
}

void AppendChunkFrame(const model::Labels& labels, const model::RawChunk* chunks, size_t count,
                      int64_t query_index, std::string* out) {
  std::string frame;
  ProtoWriter response(frame);
  {
    ProtoWriter series(response, 1);
    WriteLabels(labels, &series);
    for (size_t i = 0; i < count; ++i) {
      ProtoWriter chunk(series, 2);
      chunk.add_int64(1, chunks[i].mint);
      chunk.add_int64(2, chunks[i].maxt);
      chunk.add_enum(3, chunks[i].encoding);
      chunk.add_bytes(4, chunks[i].bytes);
    }
  }
  response.add_int64(2, query_index);
  base::PutUvarint(*out, frame.size());
  base::PutU32Be(*out, base::Crc32c(frame));
  *out += frame;
}

}  // namespace slurmscope::remote
