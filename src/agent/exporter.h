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
  size_t max_requests = 40;  // at once; beyond: 503. 0: no limit
};

// The agent's web pages: the metrics, a landing page at "/", and /-/healthy. Thread-safe; scrapes
// that come at the same time are answered one after another.
class Exporter {
 public:
  Exporter(std::unique_ptr<Scraper> scraper, ExporterOptions options);

  // A router over this object, which must outlive it.
  http::Router MakeRouter();

 private:
  http::Response Metrics(const http::Request& request);
  http::Response Landing() const;

  const ExporterOptions options_;
  std::atomic<size_t> in_flight_{0};
  std::mutex mutex_;  // over the two below
  std::unique_ptr<Scraper> scraper_;
  size_t last_size_ = 0;
};

}  // namespace slurmscope::agent
