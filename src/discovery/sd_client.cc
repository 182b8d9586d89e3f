#include "discovery/sd_client.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::discovery {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr uint64_t kMaxBodyBytes = 64 << 20;
constexpr int64_t kMaxTimeoutMs = 150'000;

Result<http::ClientResponse> Checked(Result<http::ClientResponse>&& response) {
  if (!response || response->status == 200) return std::move(response);
  return Fail(ErrorCode::kUnavailable,
              base::StrCat("server returned HTTP status ", response->status));
}

}  // namespace

SdClient::SdClient(const config::HttpClientConfig& config, http::Client& client)
    : client_(client),
      follow_redirects_(config.follow_redirects),
      auth_(std::make_shared<edge::ClientAuth>(config, client)) {}

void SdClient::Get(std::string url, http::Pairs headers, int64_t timeout_ms, Done done) const {
  auto request = std::make_shared<http::ClientRequest>();
  request->url = std::move(url);
  request->headers = std::move(headers);
  request->headers.emplace_back("User-Agent", base::StrCat("Slurmscope/", base::Version()));
  request->timeout_ms = std::clamp<int64_t>(timeout_ms, 1000, kMaxTimeoutMs);
  request->max_body_bytes = kMaxBodyBytes;
  request->follow_redirects = follow_redirects_;
  auth_->Get([&client = client_, request,
              done = std::move(done)](const Result<edge::ClientAuth::Settings>& settings) {
    if (!settings) return done(Fail(settings.error()));
    request->settings = *settings;
    client.Fetch(
        std::shared_ptr<const http::ClientRequest>(request),
        [done](Result<http::ClientResponse>&& response) { done(Checked(std::move(response))); });
  });
}

}  // namespace slurmscope::discovery
