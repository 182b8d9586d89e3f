#include "remote/read_client.h"

#include <algorithm>

#include "base/strings.h"
#include "remote/snappy_block.h"

namespace slurmscope::remote {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;
using model::Matcher;

constexpr uint64_t kMaxAnswerBytes = 512u << 20;
constexpr size_t kMaxReasonBytes = 256;
constexpr std::string_view kStreamed = "application/x-streamed-protobuf";

bool HasEqual(const std::vector<Matcher>& matchers, const std::string& name,
              const std::string& value) {
  return std::any_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
    return matcher.type() == model::MatchType::kEqual && matcher.name() == name &&
           matcher.value() == value;
  });
}

// Asks for the external labels that no matcher names; gives their names.
Result<std::vector<std::string>> AddExternal(const std::map<std::string, std::string>& external,
                                             std::vector<Matcher>* matchers) {
  std::vector<std::string> added;
  for (const auto& [name, value] : external) {
    bool named =
        std::any_of(matchers->begin(), matchers->end(),
                    [&label = name](const Matcher& matcher) { return matcher.name() == label; });
    if (named) continue;
    matchers->push_back(TRY(Matcher::Make(model::MatchType::kEqual, name, value)));
    added.push_back(name);
  }
  return added;
}

// Of equal times the first counts.
model::Columns Merged(const model::Columns& a, const model::Columns& b) {
  model::Columns all;
  auto append = [&](const model::Columns& from, size_t i) {
    if (from.has_histograms() && from.h[i]) {
      all.Append(from.t[i], from.h[i]);
    } else {
      all.Append(from.t[i], from.v[i]);
    }
  };
  size_t i = 0;
  for (size_t k = 0; k < b.size(); ++k) {
    for (; i < a.size() && a.t[i] < b.t[k]; ++i) append(a, i);
    if (i == a.size() || a.t[i] != b.t[k]) append(b, k);
  }
  for (; i < a.size(); ++i) append(a, i);
  return all;
}

// Sorted by labels, those with the same ones together.
std::vector<ReadSeries> Sorted(std::vector<ReadSeries> all) {
  std::stable_sort(all.begin(), all.end(),
                   [](const ReadSeries& a, const ReadSeries& b) { return a.labels < b.labels; });
  std::vector<ReadSeries> out;
  for (ReadSeries& series : all) {
    if (!out.empty() && out.back().labels == series.labels) {
      out.back().samples = Merged(out.back().samples, series.samples);
    } else {
      out.push_back(std::move(series));
    }
  }
  return out;
}

std::string_view FirstLine(std::string_view text) {
  text = base::TrimSpace(text);
  return text.substr(0, std::min(text.find('\n'), kMaxReasonBytes));
}

}  // namespace

ReadClient::ReadClient(config::RemoteReadConfig config,
                       std::map<std::string, std::string> external_labels, ChunkDecoder decode,
                       http::Client& client, const base::Clock& clock)
    : config_(std::move(config)),
      external_labels_(std::move(external_labels)),
      decode_(std::move(decode)),
      client_(client),
      auth_(std::make_shared<edge::ClientAuth>(config_.http, client, clock)) {}

bool ReadClient::Asked(const std::vector<Matcher>& matchers) const {
  return std::all_of(
      config_.required_matchers.begin(), config_.required_matchers.end(),
      [&](const auto& label) { return HasEqual(matchers, label.first, label.second); });
}

std::shared_future<Result<http::ClientResponse>> ReadClient::Fetch(
    const std::string& message) const {
  auto request = std::make_shared<http::ClientRequest>();
  request->method = "POST";
  request->url = config_.url;
  request->timeout_ms = config_.timeout_ms;
  request->max_body_bytes = kMaxAnswerBytes;
  request->follow_redirects = config_.http.follow_redirects;
  request->headers.assign(config_.headers.begin(), config_.headers.end());
  request->headers.emplace_back("Content-Encoding", "snappy");
  request->headers.emplace_back("Content-Type", "application/x-protobuf");
  request->headers.emplace_back("X-Prometheus-Remote-Read-Version", "0.1.0");
  request->body = SnappyEncode(message);
  // Shared: the client's thread may still be inside set_value when the value is here.
  auto promise = std::make_shared<std::promise<Result<http::ClientResponse>>>();
  std::shared_future<Result<http::ClientResponse>> answer = promise->get_future();
  auth_->Get(
      [&client = client_, request, promise](const Result<edge::ClientAuth::Settings>& settings) {
        if (!settings) return promise->set_value(Fail(settings.error()));
        request->settings = *settings;
        client.Fetch(request, [promise](Result<http::ClientResponse>&& response) {
          promise->set_value(std::move(response));
        });
      });
  return answer;
}

Result<std::vector<ReadSeries>> ReadClient::Decode(const http::ClientResponse& response,
                                                   const ReadLimits& limits) const {
  if (response.status / 100 != 2) {
    return Fail(ErrorCode::kUnavailable, StrCat("server returned HTTP status ", response.status,
                                                ": ", FirstLine(response.body)));
  }
  if (response.content_type.starts_with(kStreamed))
    return DecodeChunkedAnswer(response.body, limits, decode_);
  return DecodeReadAnswer(TRY(SnappyDecode(response.body, kMaxAnswerBytes)), limits);
}

ReadClient::Wait ReadClient::Begin(const model::SelectHints& hints, int64_t mint, int64_t maxt,
                                   std::vector<Matcher> matchers) const {
  if (!Asked(matchers)) return [] { return std::vector<ReadSeries>(); };
  std::vector<std::string> added;
  if (config_.filter_external_labels) {
    auto names = AddExternal(external_labels_, &matchers);
    if (!names) {
      return [error = names.error()]() -> Result<std::vector<ReadSeries>> { return Fail(error); };
    }
    added = *std::move(names);
  }
  ReadLimits limits;
  limits.mint = mint;
  limits.maxt = maxt;
  limits.max_frame_bytes = config_.chunked_read_limit;
  auto answer = Fetch(EncodeReadRequest(hints, mint, maxt, matchers));
  return [this, limits, answer, added]() -> Result<std::vector<ReadSeries>> {
    auto decode = [&]() -> Result<std::vector<ReadSeries>> {
      const Result<http::ClientResponse>& response = answer.get();
      if (!response) return Fail(response.error());
      return Decode(*response, limits);
    };
    std::vector<ReadSeries> all =
        TRY_CONTEXT(decode(), StrCat("remote_read ", http::RedactedUrl(config_.url)));
    for (ReadSeries& series : all) {
      if (added.empty()) break;
      model::LabelsBuilder labels(series.labels);
      series.labels = labels.Drop(added).Build();
    }
    return Sorted(std::move(all));
  };
}

}  // namespace slurmscope::remote
