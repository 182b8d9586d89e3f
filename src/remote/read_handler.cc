#include "remote/read_handler.h"

#include <algorithm>

#include "base/strings.h"
#include "remote/snappy_block.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using External = std::map<std::string, std::string>;

constexpr size_t kMaxMessageBytes = 32 << 20;
// Of an answer with chunks.
constexpr size_t kMaxAnswerBytes = size_t{1} << 30;

// Matchers without those that the external labels satisfy.
std::vector<model::Matcher> OwnMatchers(const ReadQuery& query, const External& external) {
  std::vector<model::Matcher> own;
  for (const model::Matcher& matcher : query.matchers) {
    auto label = external.find(matcher.name());
    bool satisfied = label != external.end() && matcher.type() == model::MatchType::kEqual &&
                     matcher.value() == label->second;
    if (!satisfied) own.push_back(matcher);
  }
  return own;
}

model::Labels WithExternal(model::Labels labels, const External& external) {
  if (external.empty()) return labels;
  model::LabelsBuilder builder(labels);
  for (const auto& [name, value] : external)
    if (!labels.Has(name)) builder.Set(name, value);
  return builder.Build();
}

Result<std::unique_ptr<model::SeriesSet>> Select(model::Queryable& storage, const ReadQuery& query,
                                                 const External& external) {
  auto querier = TRY(storage.NewQuerier(query.start, query.end));
  return querier->Select(true, query.hints, OwnMatchers(query, external));
}

http::Response Failed(const base::Error& error) {
  int status = error.code() == ErrorCode::kInvalidArgument     ? 400
               : error.code() == ErrorCode::kResourceExhausted ? 400
                                                               : 500;
  return http::Response::Text(status, StrCat(error.message(), "\n"));
}

}  // namespace

http::Response ReadHandler::Handle(const http::Request& request) {
  struct Turn {
    std::atomic<size_t>& running;
    size_t before;
    explicit Turn(std::atomic<size_t>& r) : running(r), before(r.fetch_add(1)) {}
    ~Turn() { running.fetch_sub(1); }
  } turn(running_);
  if (turn.before >= options_.max_concurrent) {
    return http::Response::Text(
        503, "too many remote reads at once, see --storage.remote.read-concurrent-limit\n");
  }
  return Answer(request);
}

http::Response ReadHandler::Answer(const http::Request& request) {
  auto message = SnappyDecode(request.body, kMaxMessageBytes);
  if (!message) return Failed(message.error());
  auto read = DecodeReadRequest(*message);
  if (!read) return Failed(read.error());
  External external = external_();
  auto body = read->chunks ? Chunks(*read, external, request) : Samples(*read, external);
  if (!body) return Failed(body.error());
  http::Response response;
  response.body = *std::move(body);
  if (read->chunks) {
    response.content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    return response;
  }
  response.content_type = "application/x-protobuf";
  response.headers.emplace_back("Content-Encoding", "snappy");
  return response;
}

Result<std::string> ReadHandler::Samples(const ReadRequest& request,
                                         const External& external) const {
  std::string out;
  uint64_t samples = 0;
  model::Columns columns;
  for (const ReadQuery& query : request.queries) {
    auto set = TRY(Select(storage_, query, external));
    std::string result;
    for (size_t i = 0; i < set->size(); ++i) {
      TRY(set->Decode(i, query.hints.start, query.hints.end, &columns));
      if (columns.size() == 0) continue;
      samples += columns.size();
      if (samples > options_.max_samples) {
        return Fail(ErrorCode::kResourceExhausted,
                    StrCat("exceeded sample limit (", options_.max_samples, ")"));
      }
      AppendTimeSeries(WithExternal(set->LabelsAt(i), external), columns, &result);
    }
    AppendQueryResult(result, &out);
  }
  return SnappyEncode(out);
}

Result<std::string> ReadHandler::Chunks(const ReadRequest& request, const External& external,
                                        const http::Request& from) const {
  std::string out;
  std::vector<model::RawChunk> chunks;
  for (size_t q = 0; q < request.queries.size(); ++q) {
    const ReadQuery& query = request.queries[q];
    auto set = TRY(Select(storage_, query, external));
    for (size_t i = 0; i < set->size(); ++i) {
      if (from.canceled()) return Fail(ErrorCode::kCanceled, "the client has gone away");
      chunks.clear();
      TRY(set->Chunks(i, query.hints.start, query.hints.end, &chunks));
      model::Labels labels = WithExternal(set->LabelsAt(i), external);
      for (size_t begin = 0; begin < chunks.size();) {
        size_t end = begin;
        for (size_t bytes = 0;
             end < chunks.size() &&
             (end == begin || bytes + chunks[end].bytes.size() < options_.max_frame_bytes);
             ++end)
          bytes += chunks[end].bytes.size();
        AppendChunkFrame(labels, &chunks[begin], end - begin, static_cast<int64_t>(q), &out);
        begin = end;
      }
      if (out.size() > kMaxAnswerBytes)
        return Fail(ErrorCode::kResourceExhausted,
                    "the answer is over 1 GiB: ask for less at once");
    }
  }
  return out;
}

}  // namespace slurmscope::remote
