#include "agent/exporter.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/float_text.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::agent {
namespace {

// The media types that a scraper may name, most wanted first among those of equal weight.
struct Media {
  std::string_view type;
  std::string_view version;  // empty: any
  Format format;
  std::string_view content_type;
};
constexpr std::string_view kText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr Media kMedia[] = {
    {"application/openmetrics-text", "1.0.0", Format::kOpenMetrics, kOpenMetrics},
    {"application/openmetrics-text", "0.0.1", Format::kOpenMetrics,
     "application/openmetrics-text; version=0.0.1; charset=utf-8"},
    {"application/openmetrics-text", "", Format::kOpenMetrics, kOpenMetrics},
    {"text/plain", "0.0.4", Format::kText, kText},
    {"text/plain", "", Format::kText, kText},
    {"text/*", "", Format::kText, kText},
    {"*/*", "", Format::kText, kText},
};
constexpr const Media& kDefaultMedia = kMedia[4];

// Scrapes that take longer are made on a worker thread.
constexpr std::chrono::milliseconds kHurry(20);
constexpr std::chrono::nanoseconds kLeastTime = std::chrono::milliseconds(50);

// RFC 9110 12.5.1: the type of the greatest weight that we have; the text format when there is
// none.
const Media& Negotiate(std::string_view accept) {
  const Media* best = &kDefaultMedia;
  double best_weight = 0;
  while (!accept.empty()) {
    std::string_view offer = base::TakePiece(accept, ',');
    std::string_view type;
    std::string_view version;
    double weight = 1;
    while (!offer.empty()) {
      const std::string_view part = base::TrimSpace(base::TakePiece(offer, ';'));
      if (type.empty()) type = part;
      if (part.starts_with("version=")) version = part.substr(8);
      if (part.starts_with("q=")) weight = base::ParseFloat(part.substr(2)).value_or(0);
    }
    for (const Media& media : kMedia) {
      if (media.type != type || media.version != version || !(weight > best_weight)) continue;
      best = &media;
      best_weight = weight;
    }
  }
  return *best;
}

// How long a scrape may take: three quarters of what the scraper says it waits for, as the answer
// has a way to go, and five seconds at most.
std::chrono::nanoseconds TimeFor(const http::Request& request) {
  constexpr double kShare = 0.75;
  constexpr double kMost = 5;
  const auto waits = base::ParseFloat(request.Header("X-Prometheus-Scrape-Timeout-Seconds"));
  const double seconds = waits && *waits > 0 ? std::min(*waits * kShare, kMost) : kMost;
  return std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9));
}

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
  const Media& media = Negotiate(request.Header("Accept"));
  http::Response response;
  response.content_type = media.content_type;
  const auto came = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!request.hurried) {
    lock.lock();
  } else if (slow_ || !lock.try_lock()) {
    response.later = true;
    return response;
  }
  {
    const std::lock_guard page_lock(page_mutex_);
    response.body.swap(page_);
  }
  response.take_back = [this](std::string page) { KeepPage(std::move(page)); };
  const auto begun = std::chrono::steady_clock::now();
  // The scrape before may have had to wait.
  const auto left = std::max(TimeFor(request) - (begun - came), kLeastTime);
  if (auto done = scraper_->Scrape(filter, media.format, response.body, left); !done) {
    base::LogDebug("bad scrape request", {{"err", done.error()}});
    KeepPage(std::move(response.body));
    return http::Response::Text(400, done.error().message());
  }
  slow_ = std::chrono::steady_clock::now() - begun > kHurry;
  return response;
}

void Exporter::KeepPage(std::string page) {
  page.clear();
  const std::lock_guard lock(page_mutex_);
  if (page.capacity() > page_.capacity()) page_.swap(page);
}

http::Response Exporter::Landing() const {
  const std::string path = EscapeHtml(options_.telemetry_path);
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = base::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>",
      options_.heading, "</title></head>\n<body>\n<h1>", options_.heading,
      "</h1>\n<p>slurmscope-agent ", base::Version(), "</p>\n<ul><li><a href=\"", path,
      "\">Metrics</a></li><li><a href=\"/-/healthy\">Health</a></li></ul>\n</body>\n</html>\n");
  return response;
}

}  // namespace slurmscope::agent
