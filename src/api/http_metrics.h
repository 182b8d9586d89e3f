#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "http/server.h"

namespace slurmscope::api {

// Counts what a router answers, by route pattern: prometheus_http_requests_total,
// prometheus_http_request_duration_seconds and prometheus_http_response_size_bytes (before
// compression; of a body that is made while it is sent when that ends). Thread-safe.
class HttpMetrics {
 public:
  // Answers by `router`, and counts. Must outlive the response.
  http::Response Serve(const http::Router& router, const http::Request& request);

  // Appends the families in exposition text.
  void Write(std::string& out) const;

 private:
  static constexpr std::array<double, 10> kBounds = {
      0.1, 0.2,
      0.4, 1,
      3,   8,
      20,  60,
      120, std::numeric_limits<double>::infinity()};  // seconds, as Prometheus has them
  static constexpr std::array<double, 9> kSizeBounds = {
      100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, std::numeric_limits<double>::infinity()};
  template <size_t kSize>
  struct Histogram {
    std::array<uint64_t, kSize> buckets{};
    double sum = 0;
    uint64_t count = 0;
  };
  struct Stream;
  template <size_t kSize>
  static void Observe(const std::array<double, kSize>& bounds, double value,
                      Histogram<kSize>* histogram);
  template <size_t kSize>
  static void WriteHistograms(std::string_view name, std::string_view help,
                              const std::array<double, kSize>& bounds,
                              const std::map<std::string, Histogram<kSize>>& by_pattern,
                              std::string& out);
  void CountSize(const std::string& pattern, http::Response* response);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_;  // by pattern and status code
  // By pattern:
  std::map<std::string, Histogram<kBounds.size()>> durations_;
  std::map<std::string, Histogram<kSizeBounds.size()>> sizes_;
};

}  // namespace slurmscope::api
