#include "agent/exporter.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::agent {
namespace {

constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

Exporter::Exporter(std::unique_ptr<Scraper> scraper, ExporterOptions options)
    : options_(std::move(options)), scraper_(std::move(scraper)) {}

http::Router Exporter::MakeRouter() {
  http::Router router;
  router.Add("GET", options_.telemetry_path, [this](const http::Request& r) { return Metrics(r); });
  if (options_.telemetry_path != "/") {
    router.Add("GET", "/", [this](const http::Request&) { return Landing(); });
  }
  router.Add("GET", "/-/healthy", [](const http::Request&) {
    return http::Response::Text(200, "slurmscope-agent is healthy.\n");
  });
  return router;
}

http::Response Exporter::Metrics(const http::Request& request) {
  struct InFlight {
    explicit InFlight(std::atomic<size_t>& c) : count(c), now(++c) {}
    ~InFlight() { --count; }
    std::atomic<size_t>& count;
    size_t now;
  } in_flight(in_flight_);
  if (options_.max_requests > 0 && in_flight.now > options_.max_requests) {
    return http::Response::Text(503, base::StrCat("Limit of concurrent requests reached (",
                                                  options_.max_requests, "), try again later.\n"));
  }
  const ScrapeFilter filter{request.ParamAll("collect[]"), request.ParamAll("exclude[]")};
  http::Response response;
  response.content_type = kContentType;
  const std::lock_guard lock(mutex_);
  response.body.reserve(last_size_ + last_size_ / 8);
  if (auto done = scraper_->Scrape(filter, response.body); !done) {
    base::LogDebug("bad scrape request", {{"err", done.error()}});
    return http::Response::Text(400, done.error().message());
  }
  last_size_ = response.body.size();
  return response;
}

http::Response Exporter::Landing() const {
  const std::string path = EscapeHtml(options_.telemetry_path);
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = base::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Node "
      "Exporter</title></head>\n"
      "<body>\n<h1>Node Exporter</h1>\n<p>slurmscope-agent ",
      base::Version(), "</p>\n<ul><li><a href=\"", path,
      "\">Metrics</a></li><li><a href=\"/-/healthy\">Health</a></li></ul>\n</body>\n</html>\n");
  return response;
}

}  // namespace slurmscope::agent
