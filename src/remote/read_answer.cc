#include "remote/read_answer.h"

#include <memory>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/protobuf.h"
#include "base/strings.h"
#include "remote/histogram_message.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::ProtoReader;
using base::ProtoWriter;
using base::StrCat;

constexpr int32_t kSamples = 0;
constexpr int32_t kStreamedXorChunks = 1;

std::pair<std::string_view, std::string_view> ReadLabel(ProtoReader message) {
  std::pair<std::string_view, std::string_view> label;
  while (message.next()) {
    if (message.tag() == 1) {
      label.first = base::View(message.get_view());
    } else if (message.tag() == 2) {
      label.second = base::View(message.get_view());
    } else {
      message.skip();
    }
  }
  return label;
}

class AnswerReader {
 public:
  AnswerReader(const ReadLimits& limits, const ChunkDecoder* decode)
      : limits_(limits), decode_(decode) {}

  Result<void> Response(ProtoReader message) {
    while (message.next(1)) {
      ProtoReader result = message.get_message();
      while (result.next(1)) TRY(Series(result.get_message(), false));
    }
    return {};
  }
  Result<void> Frame(ProtoReader message) {
    while (message.next(1)) TRY(Series(message.get_message(), true));
    return {};
  }
  std::vector<ReadSeries> Take() { return std::move(series_); }

 private:
  // Frames of one series follow each other.
  model::Columns& ColumnsOf(std::vector<std::pair<std::string_view, std::string_view>> pairs) {
    model::Labels labels = model::Labels::FromPairs(std::move(pairs));
    if (series_.empty() || !(series_.back().labels == labels))
      series_.push_back({std::move(labels), {}});
    return series_.back().samples;
  }

  // Labels come first, as all who write the message do it; else samples would be without them.
  Result<void> Series(ProtoReader message, bool chunked) {
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    ProtoReader labels = message;
    while (labels.next(1)) pairs.push_back(ReadLabel(labels.get_message()));
    model::Columns& columns = ColumnsOf(std::move(pairs));
    while (message.next()) {
      if (message.tag() == 2) {
        TRY(chunked ? Chunk(message.get_message(), columns)
                    : Sample(message.get_message(), columns));
      } else if (message.tag() == 4 && !chunked) {
        TRY(Histogram(message.get_message(), columns));
      } else {
        message.skip();
      }
    }
    return {};
  }

  Result<void> CountSamples(uint64_t n) {
    samples_ += n;
    if (samples_ <= limits_.max_samples) return {};
    return Fail(ErrorCode::kResourceExhausted,
                StrCat("the answer has over ", limits_.max_samples, " samples"));
  }
  bool IsNext(int64_t t, const model::Columns& columns) const {
    return t >= limits_.mint && t <= limits_.maxt && (columns.t.empty() || t > columns.t.back());
  }

  Result<void> Sample(ProtoReader message, model::Columns& columns) {
    double v = 0;
    int64_t t = 0;
    while (message.next()) {
      if (message.tag() == 1) {
        v = message.get_double();
      } else if (message.tag() == 2) {
        t = message.get_int64();
      } else {
        message.skip();
      }
    }
    if (!IsNext(t, columns)) return {};
    columns.Append(t, v);
    return CountSamples(1);
  }

  Result<void> Histogram(ProtoReader message, model::Columns& columns) {
    WriteHistogram entry = TRY(DecodeHistogram(message));
    if (!IsNext(entry.t, columns)) return {};
    TRY(std::visit([](const auto& h) { return model::Validate(h); }, entry.histogram));
    model::FloatHistogram h = std::holds_alternative<model::IntHistogram>(entry.histogram)
                                  ? std::get<model::IntHistogram>(entry.histogram).ToFloat()
                                  : std::get<model::FloatHistogram>(std::move(entry.histogram));
    if (model::IsStale(h.sum)) {
      columns.Append(entry.t, model::StaleNan());
    } else {
      columns.Append(entry.t, std::make_shared<const model::FloatHistogram>(std::move(h)));
    }
    return CountSamples(1);
  }

  Result<void> Chunk(ProtoReader message, model::Columns& columns) {
    model::RawChunk chunk;
    chunk.encoding = 0;
    while (message.next()) {
      if (message.tag() == 1) {
        chunk.mint = message.get_int64();
      } else if (message.tag() == 2) {
        chunk.maxt = message.get_int64();
      } else if (message.tag() == 3) {
        int32_t type = message.get_enum();
        chunk.encoding = type < 0 || type > 255 ? 0 : static_cast<uint8_t>(type);
      } else if (message.tag() == 4) {
        chunk.bytes = message.get_bytes();
      } else {
        message.skip();
      }
    }
    if (!columns.t.empty() && columns.t.back() >= limits_.maxt) return {};
    int64_t from = columns.t.empty() ? limits_.mint : columns.t.back() + 1;
    size_t before = columns.size();
    TRY((*decode_)(chunk, from, limits_.maxt, &columns));
    return CountSamples(columns.size() - before);
  }

  const ReadLimits& limits_;
  const ChunkDecoder* const decode_;
  std::vector<ReadSeries> series_;
  uint64_t samples_ = 0;
};

void WriteHints(const model::SelectHints& hints, ProtoWriter* query) {
  ProtoWriter message(*query, 4);
  message.add_int64(1, hints.step);
  message.add_string(2, hints.func);
  message.add_int64(3, hints.start);
  message.add_int64(4, hints.end);
  message.add_int64(7, hints.range);
}

}  // namespace

std::string EncodeReadRequest(const model::SelectHints& hints, int64_t mint, int64_t maxt,
                              const std::vector<model::Matcher>& matchers) {
  std::string out;
  ProtoWriter request(out);
  {
    ProtoWriter query(request, 1);
    query.add_int64(1, mint);
    query.add_int64(2, maxt);
    for (const model::Matcher& matcher : matchers) {
      ProtoWriter message(query, 3);
      message.add_enum(1, static_cast<int32_t>(matcher.type()));
      message.add_string(2, matcher.name());
      message.add_string(3, matcher.value());
    }
    WriteHints(hints, &query);
  }
  std::vector<int32_t> types = {kStreamedXorChunks, kSamples};
  request.add_packed_enum(2, types.begin(), types.end());
  return out;
}

Result<std::vector<ReadSeries>> DecodeReadAnswer(std::string_view message,
                                                 const ReadLimits& limits) {
  AnswerReader reader(limits, nullptr);
  TRY(base::DecodeProtobuf(
      [&] { return reader.Response(ProtoReader(message.data(), message.size())); }));
  return reader.Take();
}

Result<std::vector<ReadSeries>> DecodeChunkedAnswer(std::string_view frames,
                                                    const ReadLimits& limits,
                                                    const ChunkDecoder& decode) {
  AnswerReader reader(limits, &decode);
  base::ByteReader bytes(frames);
  while (!bytes.empty()) {
    uint64_t size = bytes.Uvarint();
    if (bytes.ok() && size > limits.max_frame_bytes) {
      return Fail(ErrorCode::kResourceExhausted,
                  StrCat("a frame of ", size, " bytes is over the limit of ",
                         limits.max_frame_bytes, " (chunked_read_limit)"));
    }
    uint32_t checksum = bytes.U32Be();
    std::string_view frame = bytes.Bytes(size);
    if (!bytes.ok()) return Fail(ErrorCode::kInvalidArgument, "the answer is cut off");
    if (base::Crc32c(frame) != checksum)
      return Fail(ErrorCode::kInvalidArgument, "a frame's checksum is wrong");
    TRY(base::DecodeProtobuf(
        [&] { return reader.Frame(ProtoReader(frame.data(), frame.size())); }));
  }
  return reader.Take();
}

}  // namespace slurmscope::remote
