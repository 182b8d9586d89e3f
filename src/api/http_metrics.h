#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <string>

#include "http/server.h"

namespace slurmscope::api {

// Counts what a router answers: prometheus_http_requests_total and
// prometheus_http_request_duration_seconds, by route pattern. Thread-safe.
class HttpMetrics {
 public:
  // Answers by `router`, and counts.
  http::Response Serve(const http::Router& router, const http::Request& request);

  // Appends both families in exposition text.
  void Write(std::string& out) const;

 private:
  static constexpr std::array<double, 10> kBounds = {
      0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120, std::numeric_limits<double>::infinity()};  // seconds, as Prometheus has them
  struct Duration {
    std::array<uint64_t, kBounds.size()> buckets{};
    double sum = 0;
    uint64_t count = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_;  // by pattern and status code
  std::map<std::string, Duration> durations_;                 // by pattern
};

}  // namespace slurmscope::api
