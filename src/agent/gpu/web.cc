#include "agent/gpu/web.h"

#include <sys/stat.h>

#include <utility>

#include "base/duration.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using http::Request;
using http::Response;

constexpr size_t kShortestToken = 16;
constexpr std::string_view kTokenHeader = "X-Slurmscope-Token";
constexpr uint64_t kMaxTokenFile = 4096;

Result<std::string> ReadToken(const std::string& path) {
  using base::ErrorCode;
  if (path.empty()) {
    return base::Fail(ErrorCode::kPermissionDenied,
                      "pausing by HTTP is off; start the agent with --gpu.pause-token-file=FILE");
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    return base::Fail(ErrorCode::kPermissionDenied,
                      base::StrCat("token file ", path, " is readable by all; chmod 600 it"));
  }
  const std::string text = TRY(base::ReadFile(path, kMaxTokenFile));
  const std::string_view token = base::TrimSpace(text);
  if (token.size() < kShortestToken) {
    return base::Fail(ErrorCode::kPermissionDenied,
                      base::StrCat("token in ", path, " has less than ", kShortestToken, " bytes"));
  }
  return std::string(token);
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Nothing when the request may go on.
Result<void> Authorize(const Request& request, const std::string& token_file) {
  const auto token = ReadToken(token_file);
  if (!token) {
    base::LogWarn("pause of GPU profiling refused", {{"err", token.error()}});
    return base::Fail(base::ErrorCode::kPermissionDenied,
                      "pausing by HTTP is not set up; see the log");
  }
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view header = request.Header("Authorization");
  // Where the page has users, theirs is the other header.
  const bool bearer = Lower(header.substr(0, kScheme.size())) == kScheme;
  const std::string_view given =
      bearer ? header.substr(kScheme.size()) : request.Header(kTokenHeader);
  if (!base::ConstantTimeEqual(base::TrimSpace(given), *token)) {
    return base::Fail(base::ErrorCode::kInvalidArgument, "wrong or missing token");
  }
  return {};
}

Response Refusal(const base::Error& error) {
  if (error.code() == base::ErrorCode::kPermissionDenied) {
    return Response::Text(403, error.message() + "\n");
  }
  Response response = Response::Text(401, error.message() + "\n");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response Pause(const Request& request, GpuService& service, const std::string& token_file) {
  if (auto allowed = Authorize(request, token_file); !allowed) return Refusal(allowed.error());
  const std::string_view text = request.HasParam("for") ? request.Param("for") : "10m";
  const auto ms = base::ParseDurationMs(text);
  if (!ms) return Response::Text(400, base::StrCat("for: ", ms.error().message(), "\n"));
  const bool release = request.Param("release") == "1" || request.Param("release") == "true";
  if (auto done = service.Pause(std::chrono::milliseconds(*ms), release); !done) {
    return Response::Text(400, done.error().message() + "\n");
  }
  const std::string duration = base::FormatDurationMs(*ms);
  base::LogInfo("GPU profiling paused", {{"for", duration}, {"by", request.remote_address}});
  return Response::Text(200, base::StrCat("paused for ", duration, "\n"));
}

Response Resume(const Request& request, GpuService& service, const std::string& token_file) {
  if (auto allowed = Authorize(request, token_file); !allowed) return Refusal(allowed.error());
  service.Resume();
  base::LogInfo("GPU profiling resumed", {{"by", request.remote_address}});
  return Response::Text(200, "resumed\n");
}

}  // namespace

void AddGpuRoutes(http::Router& router, GpuService& service, std::string token_file) {
  router.Add("GET", "/health", [](const Request&) {
    // As dcgm-exporter has it; a counters file is read again between two readings of the GPUs.
    Response response = Response::Text(200, "OK");
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    response.headers.emplace_back("X-Registry-Available", "true");
    response.headers.emplace_back("X-Reload-In-Progress", "false");
    return response;
  });
  router.Add("POST", "/gpu/pause", [&service, token_file](const Request& request) {
    return Pause(request, service, token_file);
  });
  router.Add("POST", "/gpu/resume",
             [&service, file = std::move(token_file)](const Request& request) {
               return Resume(request, service, file);
             });
}

}  // namespace slurmscope::agent::gpu
