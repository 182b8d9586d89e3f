#include "remote/write_receiver.h"

#include <algorithm>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "model/append_words.h"
#include "remote/snappy_block.h"
#include "remote/start_zero.h"
#include "remote/write_message.h"

namespace slurmscope::remote {
namespace {

using base::StrCat;
using model::AppendResult;
using model::AppendStatus;
using model::Labels;

constexpr size_t kMaxMessageBytes = 128 << 20;
// As Prometheus: a sender's clock may be a little ahead.
constexpr int64_t kMaxAheadMs = 10 * 60 * 1000;

enum class Version { kV1, kV2 };

// "application/x-protobuf;proto=io.prometheus.write.v2.Request"; without proto it is 1.0, as with
// no type at all. nullopt for any other.
std::optional<Version> VersionOf(std::string_view content_type) {
  size_t semicolon = content_type.find(';');
  std::string_view type = base::TrimSpace(content_type.substr(0, semicolon));
  if (!type.empty() && type != "application/x-protobuf") return std::nullopt;
  while (semicolon != std::string_view::npos) {
    content_type.remove_prefix(semicolon + 1);
    semicolon = content_type.find(';');
    std::string_view parameter = base::TrimSpace(content_type.substr(0, semicolon));
    if (!parameter.starts_with("proto=")) continue;
    parameter.remove_prefix(6);
    if (parameter == "prometheus.WriteRequest") return Version::kV1;
    if (parameter == "io.prometheus.write.v2.Request") return Version::kV2;
    return std::nullopt;
  }
  return Version::kV1;
}

// The work on one request.
class Batch {
 public:
  Batch(model::Appender& appender, int64_t max_time, bool start_times)
      : appender_(appender), max_time_(max_time), start_times_(start_times) {}

  void Take(WriteSeries& series) {
    std::optional<Labels> labels = TakeLabels(series);
    if (!labels) return;
    model::SeriesRef ref = 0;
    start_ = 0;
    for (const WriteSample& sample : series.samples) {
      if (TakeStart(sample.start, series, sample.t, *labels))
        appender_.Append(0, *labels, start_, 0);
      samples += Count(*labels, sample.t, &ref,
                       [&] { return appender_.Append(ref, *labels, sample.t, sample.v); });
    }
    for (const WriteHistogram& entry : series.histograms) {
      if (TakeStart(entry.start, series, entry.t, *labels))
        Append(0, *labels, EmptyAt(start_, entry));
      histograms += Count(*labels, entry.t, &ref, [&] { return Append(ref, *labels, entry); });
    }
    if (ref == 0) return;
    for (const WriteExemplar& exemplar : series.exemplars) TakeExemplar(ref, *labels, exemplar);
    if (series.metadata) appender_.UpdateMetadata(ref, *labels, *series.metadata);
  }

  uint64_t samples = 0;
  uint64_t histograms = 0;
  uint64_t exemplars = 0;
  uint64_t refused = 0;
  uint64_t invalid_labels = 0;
  std::string first_problem;

 private:
  // Whether a zero belongs at start_, which is that of the sample at `t`: `own`, or else that of
  // its series. Once for all samples that have the same.
  bool TakeStart(int64_t own, const WriteSeries& series, int64_t t, const Labels& labels) {
    const int64_t start = own != 0 ? own : series.created;
    if (!start_times_ || t > max_time_ || start == start_) return false;
    start_ = start;
    return StartsBefore(appender_, labels, start, t);
  }
  static WriteHistogram EmptyAt(int64_t t, const WriteHistogram& entry) {
    WriteHistogram empty{t, {}};
    std::visit([&](const auto& h) { empty.histogram = EmptyLike(h); }, entry.histogram);
    return empty;
  }

  void Refuse(std::string_view reason, const std::string& series) {
    if (first_problem.empty()) first_problem = StrCat(reason, " for series ", series);
  }

  std::optional<Labels> TakeLabels(WriteSeries& series) {
    std::stable_sort(series.labels.begin(), series.labels.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    bool valid = std::adjacent_find(series.labels.begin(), series.labels.end(),
                                    [](const auto& a, const auto& b) {
                                      return a.first == b.first;
                                    }) == series.labels.end();
    for (const auto& [name, value] : series.labels)
      valid = valid && !name.empty() && base::IsValidUtf8(name) && base::IsValidUtf8(value);
    Labels labels = Labels::FromPairs(series.labels);
    if (valid && labels.Has(model::kMetricName)) return labels;
    ++invalid_labels;
    Refuse("invalid metric name or label names", labels.ToString());
    return std::nullopt;
  }

  AppendResult Append(model::SeriesRef ref, const Labels& labels, const WriteHistogram& entry) {
    if (const auto* h = std::get_if<model::IntHistogram>(&entry.histogram))
      return appender_.AppendHistogram(ref, labels, entry.t, *h);
    return appender_.AppendFloatHistogram(ref, labels, entry.t,
                                          std::get<model::FloatHistogram>(entry.histogram));
  }

  // 1 when it was taken.
  template <typename AppendOne>
  uint64_t Count(const Labels& labels, int64_t t, model::SeriesRef* ref, const AppendOne& append) {
    if (t > max_time_) {
      ++refused;
      Refuse("out of bounds: the time is too far in the future", labels.ToString());
      return 0;
    }
    AppendResult result = append();
    if (result.ref != 0) *ref = result.ref;
    if (result.status == AppendStatus::kOk) return 1;
    ++refused;
    Refuse(model::InWords(result.status), labels.ToString());
    return 0;
  }

  void TakeExemplar(model::SeriesRef ref, const Labels& series, const WriteExemplar& exemplar) {
    model::ExemplarStatus status = appender_.AppendExemplar(
        ref, series,
        {Labels::FromPairs(exemplar.labels), exemplar.value, exemplar.t, exemplar.t != 0});
    if (status == model::ExemplarStatus::kOk) ++exemplars;
  }

  model::Appender& appender_;
  const int64_t max_time_;
  const bool start_times_;
  int64_t start_ = 0;  // of the last sample of the series that said one
};

http::Response Plain(int status, std::string_view message) {
  return http::Response::Text(status, StrCat(message, "\n"));
}

void TellWritten(const Batch& batch, http::Response* response) {
  response->headers.emplace_back("X-Prometheus-Remote-Write-Samples-Written",
                                 StrCat(batch.samples));
  response->headers.emplace_back("X-Prometheus-Remote-Write-Histograms-Written",
                                 StrCat(batch.histograms));
  response->headers.emplace_back("X-Prometheus-Remote-Write-Exemplars-Written",
                                 StrCat(batch.exemplars));
}

}  // namespace

http::Response WriteReceiver::Handle(const http::Request& request) {
  ++requests_;
  std::optional<Version> version = VersionOf(request.Header("Content-Type"));
  if (!version) {
    return Plain(415,
                 StrCat("unsupported Content-Type ", base::Quote(request.Header("Content-Type"))));
  }
  if (*version == Version::kV1 ? !options_.accept_v1 : !options_.accept_v2) {
    return Plain(415,
                 "this version of remote write is not accepted, see "
                 "--web.remote-write-receiver.accepted-protobuf-messages");
  }
  std::string_view encoding = request.Header("Content-Encoding");
  if (encoding != "snappy" && !(encoding.empty() && *version == Version::kV1)) {
    return Plain(415, StrCat("unsupported Content-Encoding ", base::Quote(encoding),
                             ", only snappy is accepted"));
  }
  Result<std::string> message = SnappyDecode(request.body, kMaxMessageBytes);
  if (!message) return Plain(400, message.error().message());

  auto appender = storage_.NewAppender();
  Batch batch(*appender, clock_.NowMs() + kMaxAheadMs, options_.start_times);
  auto take = [&](WriteSeries& series) { batch.Take(series); };
  Result<void> decoded =
      *version == Version::kV1 ? DecodeWriteV1(*message, take) : DecodeWriteV2(*message, take);
  if (!decoded) {
    appender->Rollback();
    return Plain(400, decoded.error().message());
  }
  if (Result<void> stored = appender->Commit(); !stored) {
    base::LogError("remote write not stored", {{"err", stored.error()}});
    return Plain(500, stored.error().message());
  }
  samples_ += batch.samples;
  histograms_ += batch.histograms;
  exemplars_ += batch.exemplars;
  refused_ += batch.refused;
  invalid_labels_ += batch.invalid_labels;
  http::Response response =
      batch.first_problem.empty() ? http::Response::Text(204, "") : Plain(400, batch.first_problem);
  if (*version == Version::kV2) TellWritten(batch, &response);
  return response;
}

ReceiverStats WriteReceiver::stats() const {
  return {requests_, samples_, histograms_, exemplars_, refused_, invalid_labels_};
}

}  // namespace slurmscope::remote
