#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "agent/scraper.h"
#include "http/server.h"

namespace slurmscope::agent {

struct ExporterOptions {
  std::string telemetry_path = "/metrics";
  size_t max_requests = 40;               // at once; beyond: 503. 0: no limit
  std::string heading = "Node Exporter";  // of the landing page
};

// The agent's web pages: the metrics, a landing page at "/", and /-/healthy. Thread-safe; scrapes
// that come at the same time are answered one after another.
class Exporter {
 public:
  Exporter(std::unique_ptr<Scraper> scraper, ExporterOptions options);

  // A router over this object, which must outlive it.
  http::Router MakeRouter();
  // Whether the server shall ask for the answer on the thread that has read the request
  // (http::ServerOptions::hurry): for metrics, which answers "later" while scrapes are slow.
  bool Hurries(const http::Request& request) const {
    return request.method == "GET" && request.path == options_.telemetry_path;
  }

 private:
  http::Response Metrics(const http::Request& request);
  http::Response Landing() const;
  void KeepPage(std::string page);

  const ExporterOptions options_;
  std::atomic<size_t> in_flight_{0};
  std::atomic<bool> slow_ = false;  // the last scrape was
  std::mutex mutex_;
  std::unique_ptr<Scraper> scraper_;  // under the mutex
  std::mutex page_mutex_;
  std::string page_;  // under its mutex: memory for the next one
};

}  // namespace slurmscope::agent
