#include "remote/write_outcome.h"

#include <strings.h>
#include <time.h>

#include <algorithm>

#include "base/strings.h"

namespace slurmscope::remote {
namespace {

using Kind = WriteOutcome::Kind;

// A receiver must not be able to stop us for longer.
constexpr int64_t kMaxRetryAfterMs = 5 * 60 * 1000;
constexpr size_t kMaxReasonBytes = 256;
constexpr std::string_view kWritten = "X-Prometheus-Remote-Write-";

std::string_view HeaderOf(const http::ClientResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  }
  return {};
}

bool TellsWritten(const http::ClientResponse& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& header) {
    return header.first.size() > kWritten.size() &&
           strncasecmp(header.first.data(), kWritten.data(), kWritten.size()) == 0;
  });
}

std::string ReasonOf(const http::ClientResponse& response) {
  std::string_view body = base::TrimSpace(response.body);
  body = base::TrimSpace(body.substr(0, body.find('\n'))).substr(0, kMaxReasonBytes);
  return base::StrCat("server returned HTTP status ", response.status, ": ", body);
}

Kind KindOf(int status, WriteVersion version, bool retry_on_429) {
  if (status / 100 == 5) return Kind::kRetry;
  if (status == 429 && retry_on_429) return Kind::kRetry;
  if (status == 413) return Kind::kTooLarge;
  if (status == 415 && version == WriteVersion::kV2) return Kind::kOtherVersion;
  return Kind::kRefused;
}

}  // namespace

int64_t ParseRetryAfter(std::string_view value, int64_t now_ms) {
  value = base::TrimSpace(value);
  if (auto seconds = base::ParseInt<int64_t>(value)) {
    return std::clamp<int64_t>(*seconds, 0, kMaxRetryAfterMs / 1000) * 1000;
  }
  if (value.size() > 64) return 0;
  tm date{};
  const std::string text(value);
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return 0;
  const int64_t at_ms = int64_t{timegm(&date)} * 1000;
  return at_ms <= now_ms ? 0 : std::min(at_ms - now_ms, kMaxRetryAfterMs);
}

WriteOutcome JudgeWrite(const base::Result<http::ClientResponse>& result, WriteVersion version,
                        bool retry_on_429, int64_t now_ms) {
  // Nobody has looked at it, or the answer was lost.
  if (!result) return {Kind::kRetry, 0, result.error().message()};
  if (result->status / 100 == 2) {
    if (version == WriteVersion::kV1 || TellsWritten(*result)) return {};
    return {Kind::kOtherVersion, 0, "the answer does not say what of the 2.0 message was written"};
  }
  WriteOutcome outcome;
  outcome.kind = KindOf(result->status, version, retry_on_429);
  outcome.reason = ReasonOf(*result);
  if (outcome.kind == Kind::kRetry)
    outcome.retry_after_ms = ParseRetryAfter(HeaderOf(*result, "Retry-After"), now_ms);
  return outcome;
}

}  // namespace slurmscope::remote
