#include "remote/read_handler.h"

#include <stdexcept>

#include "base/strings.h"
#include "remote/snappy_block.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr size_t kMaxMessageBytes = 32 << 20;
// Of an answer, made or compressed at once.
constexpr size_t kPieceBytes = 256 * 1024;

http::Response Failed(const base::Error& error) {
  int status = error.code() == ErrorCode::kInvalidArgument     ? 400
               : error.code() == ErrorCode::kResourceExhausted ? 400
                                                               : 500;
  return http::Response::Text(status, StrCat(error.message(), "\n"));
}

}  // namespace

// One of the reads at once, until its answer is sent.
struct ReadHandler::Turn {
  explicit Turn(std::atomic<size_t>& r) : running(r), before(r.fetch_add(1)) {}
  ~Turn() { running.fetch_sub(1); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  std::atomic<size_t>& running;
  const size_t before;
};

http::Response ReadHandler::Handle(const http::Request& request) {
  auto turn = std::make_shared<Turn>(running_);
  if (turn->before >= options_.max_concurrent) {
    return http::Response::Text(
        503, "too many remote reads at once, see --storage.remote.read-concurrent-limit\n");
  }
  auto answer = Answer(request, std::move(turn));
  return answer ? *std::move(answer) : Failed(answer.error());
}

Result<http::Response> ReadHandler::Answer(const http::Request& request,
                                           std::shared_ptr<Turn> turn) {
  std::string message = TRY(SnappyDecode(request.body, kMaxMessageBytes));
  ReadRequest read = TRY(DecodeReadRequest(message));
  ExternalLabels external = external_();
  http::Response response;
  if (!read.chunks) {
    auto pieces = std::make_shared<SnappyPieces>(TRY(Samples(read, external, request)));
    response.content_type = "application/x-protobuf";
    response.headers.emplace_back("Content-Encoding", "snappy");
    if (!pieces->Next(response.body, kPieceBytes)) return response;
    response.rest = [pieces, turn = std::move(turn)](std::string& out) {
      return pieces->Next(out, kPieceBytes);
    };
    return response;
  }
  response.content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
  auto chunks = std::make_shared<ChunkAnswer>(storage_, std::move(read), std::move(external),
                                              options_.max_frame_bytes);
  if (!TRY(chunks->Next(response.body, kPieceBytes))) return response;
  response.rest = [chunks, turn = std::move(turn)](std::string& out) {
    auto more = chunks->Next(out, kPieceBytes);
    // The status is sent: the client has to see that the answer is cut off.
    if (!more) throw std::runtime_error(more.error().message());
    return *more;
  };
  return response;
}

Result<std::string> ReadHandler::Samples(const ReadRequest& request, const ExternalLabels& external,
                                         const http::Request& from) const {
  std::string out;
  uint64_t samples = 0;
  model::Columns columns;
  for (const ReadQuery& query : request.queries) {
    auto set = TRY(SelectForRead(storage_, query, external));
    QueryResultWriter result(&out);
    for (size_t i = 0; i < set->size(); ++i) {
      if (from.canceled()) return Fail(ErrorCode::kCanceled, "the client has gone away");
      TRY(set->Decode(i, query.hints.start, query.hints.end, &columns));
      if (columns.size() == 0) continue;
      samples += columns.size();
      if (samples > options_.max_samples) {
        return Fail(ErrorCode::kResourceExhausted,
                    StrCat("exceeded sample limit (", options_.max_samples, ")"));
      }
      result.AddSeries(WithExternal(set->LabelsAt(i), external), columns);
      if (out.size() > options_.max_message_bytes) {
        return Fail(ErrorCode::kResourceExhausted,
                    StrCat("the answer is over ", options_.max_message_bytes,
                           " bytes: ask for less at once, or for chunks"));
      }
    }
  }
  return out;
}

}  // namespace slurmscope::remote
