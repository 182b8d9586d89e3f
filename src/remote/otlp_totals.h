#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "remote/otlp_message.h"

namespace slurmscope::remote {

// What the points of delta temporality, which say what came since the one before, add up to for
// each series: points of cumulative temporality. In memory only: after a restart, or kStaleMs
// without a point, a series begins anew, which a query takes for a counter that was reset.
// Thread-safe.
class OtlpTotals {
  struct Total {
    OtlpKind kind = OtlpKind::kNone;
    OtlpPoint point;
    int64_t seen_ms = 0;
  };

 public:
  static constexpr int64_t kStaleMs = 5 * 60 * 1000;
  static constexpr size_t kMaxBytes = 256u << 20;  // of all series together, about
  // As OpenTelemetry's own: an exponential histogram becomes coarser before it has more.
  static constexpr size_t kMaxBuckets = 160;  // of one side

  // `clock` must outlive it.
  explicit OtlpTotals(const base::Clock& clock, size_t max_bytes = kMaxBytes)
      : clock_(clock), max_bytes_(max_bytes) {}

  // The points of one request. What it has added counts only after Keep(): a sender that is told to
  // try again sends the same points. From its first Add on no other one adds.
  class Request {
   public:
    explicit Request(OtlpTotals& totals) : totals_(totals) {}
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    // The total of `series` (a text that no other series has) up to and with `point`, without
    // attributes and exemplars. kInvalidArgument: the point is not behind those before, or cannot
    // be added; kResourceExhausted: too many series.
    Result<OtlpPoint> Add(OtlpKind kind, const std::string& series, const OtlpPoint& point);
    void Keep();

   private:
    OtlpTotals& totals_;
    std::unique_lock<std::mutex> lock_;
    bool keep_ = false;
    std::vector<std::pair<std::string, std::optional<Total>>> before_;
  };

  size_t series() const;

 private:
  using Totals = std::unordered_map<std::string, Total>;

  void Put(const std::string& series, Total total);
  void Forget(Totals::iterator it);
  void ForgetStale();

  const base::Clock& clock_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;  // for all below
  Totals totals_;
  size_t bytes_ = 0;
  int64_t next_sweep_ms_ = 0;
};

}  // namespace slurmscope::remote
