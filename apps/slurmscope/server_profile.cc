// /debug/profile: where the time and the memory of this process go.
#include <cstdlib>

#include "base/cpu_profile.h"
#include "base/file.h"
#include "base/strings.h"
#include "server.h"

// jemalloc's door, in builds that have it.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));

namespace slurmscope::app {
namespace {

using base::StrCat;

constexpr int64_t kDefaultSeconds = 10;
constexpr int64_t kMaxSeconds = 300;
constexpr uint64_t kMaxHeapProfileBytes = 256 << 20;

constexpr const char* kNoPprof =
    "This program has no Go runtime and so none of its profiles. /debug/profile?seconds=10 is a "
    "CPU profile that pprof reads beside the program's file; /debug/profile?type=heap one of the "
    "heap, where MALLOC_CONF=prof:true is set.\n";

http::Response Profile(std::string bytes, std::string_view name) {
  http::Response response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Content-Disposition",
                                StrCat("attachment; filename=\"", name, "\""));
  response.body = std::move(bytes);
  return response;
}

http::Response CpuProfileAnswer(const http::Request& request) {
  int64_t seconds = kDefaultSeconds;
  if (std::string_view text = request.Param("seconds"); !text.empty()) {
    seconds = base::ParseInt<int64_t>(text).value_or(0);
    if (seconds < 1 || seconds > kMaxSeconds)
      return http::Response::Text(400, StrCat("seconds must be from 1 to ", kMaxSeconds, "\n"));
  }
  auto profile = base::CpuProfile(seconds * 1000, request.canceled);
  if (profile) return Profile(*std::move(profile), "cpu.prof");
  const bool busy = profile.error().code() == base::ErrorCode::kAlreadyExists;
  return http::Response::Text(busy ? 409 : 500, StrCat(profile.error().message(), "\n"));
}

http::Response HeapProfileAnswer() {
  if (mallctl == nullptr) {
    return http::Response::Text(
        501, "This build is without jemalloc, and so without profiles of the heap.\n");
  }
  std::string path = "/tmp/slurmscope-heap.XXXXXX";
  const int fd = mkstemp(path.data());
  if (fd < 0) return http::Response::Text(500, "no room for the profile\n");
  const base::File file(fd);
  const char* name = path.c_str();
  const int failed = mallctl("prof.dump", nullptr, nullptr, &name, sizeof name);
  auto bytes = base::ReadFile(path, kMaxHeapProfileBytes);
  (void)base::RemoveFile(path);
  if (failed != 0) {
    return http::Response::Text(
        501, "jemalloc does not profile: start the program with MALLOC_CONF=prof:true\n");
  }
  if (!bytes) return http::Response::Text(500, StrCat(bytes.error().message(), "\n"));
  return Profile(*std::move(bytes), "heap.prof");
}

}  // namespace

void Server::AddProfileRoutes() {
  router_.Add("GET", "/debug/profile", [](const http::Request& request) {
    const std::string_view type = request.Param("type");
    if (type.empty() || type == "cpu") return CpuProfileAnswer(request);
    if (type == "heap") return HeapProfileAnswer();
    return http::Response::Text(400, "type is cpu or heap\n");
  });
  for (const char* path : {"/debug/pprof", "/debug/pprof/*rest"}) {
    router_.Add("GET", path,
                [](const http::Request&) { return http::Response::Text(404, kNoPprof); });
  }
}

}  // namespace slurmscope::app
