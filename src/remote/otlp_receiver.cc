#include "remote/otlp_receiver.h"

#include <optional>
#include <string>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/protobuf.h"
#include "base/strings.h"
#include "http/gzip.h"
#include "remote/otlp_converter.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

// Of the message; of JSON less, as its tree is much larger than its text.
constexpr uint64_t kMaxMessageBytes = 64 << 20;
constexpr uint64_t kMaxJsonBytes = 16 << 20;
constexpr size_t kSmallJsonBytes = 1 << 20;
// As for remote write: a sender's clock may be a little ahead.
constexpr int64_t kMaxAheadMs = 10 * 60 * 1000;
constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

http::Response Plain(int status, std::string_view message) {
  return http::Response::Text(status, StrCat(message, "\n"));
}

Result<std::string> Body(const http::Request& request, uint64_t limit) {
  std::string_view encoding = request.Header("Content-Encoding");
  if (encoding == "gzip") return http::GzipDecompress(request.body, limit);
  if (request.body.size() <= limit) return request.body;
  return Fail(ErrorCode::kResourceExhausted, StrCat("the message is over ", limit, " bytes"));
}

// An ExportMetricsServiceResponse.
http::Response Success(bool json, uint64_t rejected, const std::string& problem) {
  http::Response response;
  response.content_type = json ? kJson : kProtobuf;
  if (!json) {
    if (rejected == 0) return response;
    base::ProtoWriter message(response.body);
    base::ProtoWriter partial(message, 1);
    partial.add_int64(1, static_cast<int64_t>(rejected));
    partial.add_string(2, problem);
    return response;
  }
  base::JsonWriter writer(response.body);
  writer.BeginObject();
  if (rejected > 0) {
    writer.Key("partialSuccess").BeginObject();
    writer.Field("rejectedDataPoints", StrCat(rejected)).Field("errorMessage", problem);
    writer.EndObject();
  }
  writer.EndObject();
  return response;
}

}  // namespace

OtlpReceiver::OtlpReceiver(model::Appendable& storage, const base::Clock& clock,
                           config::OtlpConfig config, OtlpOptions options)
    : storage_(storage),
      clock_(clock),
      options_(options),
      totals_(options.delta == OtlpDelta::kAddedUp ? std::make_unique<OtlpTotals>(clock) : nullptr),
      config_(std::make_shared<const config::OtlpConfig>(std::move(config))) {}

void OtlpReceiver::Apply(config::OtlpConfig config) {
  auto applied = std::make_shared<const config::OtlpConfig>(std::move(config));
  const std::lock_guard lock(mutex_);
  config_ = std::move(applied);
}

http::Response OtlpReceiver::Handle(const http::Request& request) {
  ++requests_;
  http::Response response;
  if (running_.fetch_add(1) >= kMaxConcurrent) {
    response = Plain(429, "too many OTLP requests at once");
    response.headers.emplace_back("Retry-After", "1");
  } else {
    response = Answer(request);
  }
  running_.fetch_sub(1);
  return response;
}

// The tree of a text is many times as large as the text: of large ones there is one at a time.
Result<std::string> OtlpReceiver::FromJson(const std::string& text) {
  std::unique_lock lock(json_mutex_, std::defer_lock);
  if (text.size() > kSmallJsonBytes) lock.lock();
  return OtlpJsonToProtobuf(text);
}

http::Response OtlpReceiver::Answer(const http::Request& request) {
  std::string_view type = request.Header("Content-Type");
  type = base::TrimSpace(type.substr(0, type.find(';')));
  bool json = type == kJson;
  if (!json && type != kProtobuf) {
    return Plain(415, StrCat("unsupported Content-Type ", base::Quote(type),
                             ", taken are application/x-protobuf and application/json"));
  }
  std::string_view encoding = request.Header("Content-Encoding");
  if (!encoding.empty() && encoding != "gzip" && encoding != "identity")
    return Plain(415, StrCat("unsupported Content-Encoding ", base::Quote(encoding)));
  Result<std::string> message = Body(request, json ? kMaxJsonBytes : kMaxMessageBytes);
  if (message && json) message = FromJson(*message);
  if (!message) {
    bool large = message.error().code() == ErrorCode::kResourceExhausted;
    return Plain(large ? 413 : 400, message.error().message());
  }
  std::shared_ptr<const config::OtlpConfig> config;
  {
    const std::lock_guard lock(mutex_);
    config = config_;
  }
  auto appender = storage_.NewAppender();
  std::optional<OtlpTotals::Request> totals;
  if (totals_) totals.emplace(*totals_);
  OtlpConverter converter(*appender, *config, clock_.NowMs() + kMaxAheadMs, options_,
                          totals ? &*totals : nullptr);
  if (Result<void> decoded = DecodeOtlp(*message, converter); !decoded) {
    appender->Rollback();
    return Plain(400, decoded.error().message());
  }
  if (Result<void> stored = appender->Commit(); !stored) {
    base::LogError("OTLP metrics not stored", {{"err", stored.error()}});
    return Plain(500, stored.error().message());
  }
  if (totals) totals->Keep();
  samples_ += converter.samples();
  histograms_ += converter.histograms();
  exemplars_ += converter.exemplars();
  rejected_ += converter.rejected_points();
  return Success(json, converter.rejected_points(), converter.first_problem());
}

OtlpStats OtlpReceiver::stats() const {
  return {requests_, samples_, histograms_, exemplars_, rejected_, totals_ ? totals_->series() : 0};
}

}  // namespace slurmscope::remote
