// http_sd_configs: https://prometheus.io/docs/prometheus/latest/http_sd/
#include <algorithm>
#include <string>
#include <utility>

#include "base/float_text.h"
#include "base/strings.h"
#include "discovery/sd_client.h"
#include "discovery/source.h"

namespace slurmscope::discovery {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

bool IsJsonType(std::string_view content_type) {
  const std::string lower = Lower(content_type);
  const size_t semicolon = lower.find(';');
  if (base::TrimSpace(std::string_view(lower).substr(0, semicolon)) != "application/json")
    return false;
  if (semicolon == std::string::npos) return true;
  const std::string_view parameter = base::TrimSpace(std::string_view(lower).substr(semicolon + 1));
  return parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
}

class HttpSource final : public Source {
 public:
  HttpSource(const config::HttpSdConfig& config, const SourceContext& context)
      : url_(config.url),
        shown_url_(http::RedactedUrl(config.url)),
        refresh_ms_(config.refresh_interval_ms),
        client_(config.http, *context.client),
        counters_(context.counters) {}

  void Refresh(Done done) override {
    http::Pairs headers = {
        {"Accept", "application/json"},
        {"X-Prometheus-Refresh-Interval-Seconds",
         base::FormatFloat(static_cast<double>(refresh_ms_) / 1000, base::FloatStyle::kFixed)}};
    client_.Get(url_, std::move(headers), refresh_ms_,
                [url = shown_url_, counters = counters_,
                 done = std::move(done)](Result<http::ClientResponse> response) {
                  Result<Groups> groups = response ? ReadHttpGroups(*response, url)
                                                   : Result<Groups>(Fail(response.error()));
                  if (!groups) ++counters->http_failures;
                  done(std::move(groups));
                });
  }

 private:
  const std::string url_;
  const std::string shown_url_;  // without a password
  const int64_t refresh_ms_;
  const SdClient client_;
  const std::shared_ptr<SourceCounters> counters_;
};

}  // namespace

Result<Source::Groups> ReadHttpGroups(const http::ClientResponse& response,
                                      const std::string& url) {
  if (!IsJsonType(base::TrimSpace(response.content_type))) {
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("unsupported content type ", base::Quote(response.content_type)));
  }
  Source::Groups groups = TRY(config::ParseJsonTargetGroups(response.body, url));
  for (config::TargetGroup& group : groups) group.labels["__meta_url"] = url;
  return groups;
}

std::shared_ptr<Source> MakeHttpSource(const config::HttpSdConfig& config,
                                       const SourceContext& context) {
  return std::make_shared<HttpSource>(config, context);
}

}  // namespace slurmscope::discovery
