// /admin/tsdb/*
#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <random>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/strings.h"

namespace slurmscope::api {
namespace {

http::Response NoContent() { return http::Response::Text(204, ""); }

http::Response Failed(const base::Error& error) {
  return ErrorResponse(ErrorType::kInternal, error.message());
}

// What Go's strconv.ParseBool takes; absent is false.
Result<bool> BoolParam(const http::Request& request, std::string_view name) {
  std::string_view text = request.Param(name);
  for (std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == word) return true;
  }
  for (std::string_view word : {"", "0", "f", "F", "FALSE", "false", "False"}) {
    if (text == word) return false;
  }
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    base::StrCat("invalid parameter ", base::Quote(name),
                                 ": unable to parse boolean: ", "strconv.ParseBool: parsing ",
                                 base::Quote(text), ": invalid syntax"));
}

// The time, and 64 bits so that no two are the same: "20171210T211224Z-2be650b6d019eb54".
std::string SnapshotName(int64_t now_ms) {
  auto seconds = static_cast<std::time_t>(now_ms / 1000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  std::array<char, 32> text{};
  size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &tm);
  static std::atomic<uint64_t> counter = 0;
  std::mt19937_64 random(static_cast<uint64_t>(now_ms) * 1000 + counter.fetch_add(1));
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "-%016llx",
                static_cast<unsigned long long>(random() >> 1));
  return std::string(text.data(), size) + digits.data();
}

}  // namespace

void Api::AddAdmin(http::Router& router, std::string pattern, Method method) {
  router.Add("POST PUT", "/api/v1/admin/tsdb" + std::move(pattern),
             [this, method](const http::Request& request) {
               if (deps_.admin_api) return (this->*method)(request);
               http::Response refused =
                   ErrorResponse(ErrorType::kUnavailable, "admin APIs disabled");
               refused.status = 500;  // so Prometheus says it
               return refused;
             });
}

http::Response Api::DeleteSeries(const http::Request& request) const {
  if (!request.HasParam("match[]"))
    return ErrorResponse(ErrorType::kBadData, "no match[] parameter provided");
  auto start = TimeParam(request, "start", kMinTimeMs);
  if (!start) return ErrorResponse(start.error());
  auto end = TimeParam(request, "end", kMaxTimeMs);
  if (!end) return ErrorResponse(end.error());
  // All are read before any is carried out.
  auto sets = MatchersParam(request);
  if (!sets) return ErrorResponse(sets.error());
  for (const auto& matchers : *sets) {
    auto deleted = deps_.db.Delete(*start, *end, matchers);
    if (!deleted) return Failed(deleted.error());
  }
  return NoContent();
}

http::Response Api::CleanTombstones(const http::Request&) const {
  auto cleaned = deps_.db.CleanTombstones();
  return cleaned ? NoContent() : Failed(cleaned.error());
}

http::Response Api::Snapshot(const http::Request& request) const {
  auto skip_head = BoolParam(request, "skip_head");
  if (!skip_head) return ErrorResponse(skip_head.error());
  std::string name = SnapshotName(deps_.clock.NowMs());
  std::string directory = base::StrCat(deps_.data_directory, "/snapshots/", name);
  if (auto made = deps_.db.Snapshot(directory, !*skip_head); !made) return Failed(made.error());
  return SuccessResponse(
      [&](base::JsonWriter& json) { json.BeginObject().Field("name", name).EndObject(); });
}

}  // namespace slurmscope::api
