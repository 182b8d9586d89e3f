#include "api/http_metrics.h"

#include "base/clock.h"
#include "base/float_text.h"
#include "exposition/text_writer.h"

namespace slurmscope::api {

http::Response HttpMetrics::Serve(const http::Router& router, const http::Request& request) {
  int64_t begin = base::SystemClock().SteadyNs();
  http::Response response = router.Handle(request);
  if (response.later) return response;
  double seconds = static_cast<double>(base::SystemClock().SteadyNs() - begin) * 1e-9;
  std::string pattern = router.PatternOf(request);
  std::lock_guard lock(mutex_);
  ++requests_[{pattern, response.status}];
  Duration& duration = durations_[pattern];
  duration.sum += seconds;
  ++duration.count;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    if (seconds <= kBounds[i]) ++duration.buckets[i];
  }
  return response;
}

void HttpMetrics::Write(std::string& out) const {
  exposition::TextWriter text(out);
  std::lock_guard lock(mutex_);
  text.Family("prometheus_http_request_duration_seconds",
              "Histogram of latencies for HTTP requests.", model::MetricType::kHistogram);
  for (const auto& [handler, duration] : durations_) {
    for (size_t i = 0; i < kBounds.size(); ++i) {
      text.Sample("prometheus_http_request_duration_seconds_bucket",
                  {{"handler", handler},
                   {"le", base::FormatFloat(kBounds[i], base::FloatStyle::kExposition)}},
                  static_cast<double>(duration.buckets[i]));
    }
    text.Sample("prometheus_http_request_duration_seconds_sum", {{"handler", handler}},
                duration.sum);
    text.Sample("prometheus_http_request_duration_seconds_count", {{"handler", handler}},
                static_cast<double>(duration.count));
  }
  text.Family("prometheus_http_requests_total", "Counter of HTTP requests.",
              model::MetricType::kCounter);
  for (const auto& [key, count] : requests_) {
    text.Sample("prometheus_http_requests_total",
                {{"code", std::to_string(key.second)}, {"handler", key.first}},
                static_cast<double>(count));
  }
}

}  // namespace slurmscope::api
