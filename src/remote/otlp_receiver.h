#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "config/remote.h"
#include "http/server.h"
#include "model/appender.h"
#include "remote/otlp_converter.h"

namespace slurmscope::remote {

// Figures for the program's own /metrics.
struct OtlpStats {
  uint64_t requests = 0;
  uint64_t samples = 0;       // taken
  uint64_t histograms = 0;    // likewise
  uint64_t exemplars = 0;     // likewise
  uint64_t rejected = 0;      // data points
  uint64_t delta_series = 0;  // whose deltas are added up now
};

// Takes metrics by OTLP over HTTP (POST /api/v1/otlp/v1/metrics), protobuf or JSON, plain or gzip:
// https://opentelemetry.io/docs/specs/otlp/. Thread-safe.
//
// What cannot be taken is left out and counted in the answer's partial_success, the rest is stored.
// 400 says that the request makes no sense, 415 that it is of another kind, 429 that too many are
// being read, 500 that nothing was stored: the sender tries again on the last two.
class OtlpReceiver {
 public:
  static constexpr size_t kMaxConcurrent = 8;

  // `storage` and `clock` must outlive it.
  OtlpReceiver(model::Appendable& storage, const base::Clock& clock, config::OtlpConfig config,
               OtlpOptions options = {});

  // For the requests that come later.
  void Apply(config::OtlpConfig config);
  http::Response Handle(const http::Request& request);
  OtlpStats stats() const;

 private:
  http::Response Answer(const http::Request& request);
  Result<std::string> FromJson(const std::string& text);

  model::Appendable& storage_;
  const base::Clock& clock_;
  const OtlpOptions options_;
  const std::unique_ptr<OtlpTotals> totals_;  // where deltas are added up
  std::mutex json_mutex_;
  std::mutex mutex_;
  std::shared_ptr<const config::OtlpConfig> config_;  // guarded by mutex_
  std::atomic<size_t> running_ = 0;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> samples_ = 0;
  std::atomic<uint64_t> histograms_ = 0;
  std::atomic<uint64_t> exemplars_ = 0;
  std::atomic<uint64_t> rejected_ = 0;
};

}  // namespace slurmscope::remote
