#include "api/http_metrics.h"

#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/text_writer.h"

namespace slurmscope::api {

// Counts when it goes: at the end of the body, or when the client has gone.
struct HttpMetrics::Stream {
  Stream(HttpMetrics& m, std::string p) : metrics(m), pattern(std::move(p)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    const std::lock_guard lock(metrics.mutex_);
    Observe(kSizeBounds, static_cast<double>(bytes), &metrics.sizes_[pattern]);
  }

  HttpMetrics& metrics;
  const std::string pattern;
  uint64_t bytes = 0;
  std::function<bool(std::string&)> rest;
};

template <size_t kSize>
void HttpMetrics::Observe(const std::array<double, kSize>& bounds, double value,
                          Histogram<kSize>* histogram) {
  histogram->sum += value;
  ++histogram->count;
  for (size_t i = 0; i < kSize; ++i) {
    if (value <= bounds[i]) ++histogram->buckets[i];
  }
}

void HttpMetrics::CountSize(const std::string& pattern, http::Response* response) {
  const std::string& body = response->body;
  const size_t held = body.empty() ? response->static_body.size() : body.size();
  if (!response->rest) {
    const std::lock_guard lock(mutex_);
    Observe(kSizeBounds, static_cast<double>(held), &sizes_[pattern]);
    return;
  }
  auto stream = std::make_shared<Stream>(*this, pattern);
  stream->bytes = held;
  stream->rest = std::move(response->rest);
  response->rest = [stream = std::move(stream)](std::string& out) {
    const size_t before = out.size();
    const bool more = stream->rest(out);
    stream->bytes += out.size() - before;
    return more;
  };
}

http::Response HttpMetrics::Serve(const http::Router& router, const http::Request& request) {
  int64_t begin = base::SystemClock().SteadyNs();
  http::Response response = router.Handle(request);
  if (response.later) return response;
  double seconds = static_cast<double>(base::SystemClock().SteadyNs() - begin) * 1e-9;
  std::string pattern = router.PatternOf(request);
  if (!response.events) CountSize(pattern, &response);
  std::lock_guard lock(mutex_);
  ++requests_[{pattern, response.status}];
  Observe(kBounds, seconds, &durations_[pattern]);
  return response;
}

template <size_t kSize>
void HttpMetrics::WriteHistograms(std::string_view name, std::string_view help,
                                  const std::array<double, kSize>& bounds,
                                  const std::map<std::string, Histogram<kSize>>& by_pattern,
                                  std::string& out) {
  exposition::TextWriter text(out);
  text.Family(name, help, model::MetricType::kHistogram);
  const std::string bucket = base::StrCat(name, "_bucket");
  for (const auto& [handler, histogram] : by_pattern) {
    for (size_t i = 0; i < kSize; ++i) {
      text.Sample(bucket,
                  {{"handler", handler},
                   {"le", base::FormatFloat(bounds[i], base::FloatStyle::kExposition)}},
                  static_cast<double>(histogram.buckets[i]));
    }
    text.Sample(base::StrCat(name, "_sum"), {{"handler", handler}}, histogram.sum);
    text.Sample(base::StrCat(name, "_count"), {{"handler", handler}},
                static_cast<double>(histogram.count));
  }
}

void HttpMetrics::Write(std::string& out) const {
  std::lock_guard lock(mutex_);
  WriteHistograms("prometheus_http_request_duration_seconds",
                  "Histogram of latencies for HTTP requests.", kBounds, durations_, out);
  WriteHistograms("prometheus_http_response_size_bytes",
                  "Sizes of the bodies of answers, before compression.", kSizeBounds, sizes_, out);
  exposition::TextWriter text(out);
  text.Family("prometheus_http_requests_total", "Counter of HTTP requests.",
              model::MetricType::kCounter);
  for (const auto& [key, count] : requests_) {
    text.Sample("prometheus_http_requests_total",
                {{"code", std::to_string(key.second)}, {"handler", key.first}},
                static_cast<double>(count));
  }
}

}  // namespace slurmscope::api
