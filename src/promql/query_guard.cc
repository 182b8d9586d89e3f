#include "promql/query_guard.h"

#include "base/clock.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;

QueryGuard::QueryGuard(int64_t deadline_ns, int64_t max_samples, std::function<bool()> canceled)
    : deadline_ns_(deadline_ns), max_samples_(max_samples), canceled_(std::move(canceled)) {}

Result<void> QueryGuard::Check() {
  if (canceled_) {
    std::lock_guard lock(mutex_);
    if (canceled_()) return Fail(ErrorCode::kCanceled, "query was canceled in query execution");
  }
  if (base::SystemClock().SteadyNs() >= deadline_ns_) {
    return Fail(ErrorCode::kTimeout, "query timed out in query execution");
  }
  return {};
}

Result<void> QueryGuard::Charge(int64_t samples) {
  int64_t held = held_.fetch_add(samples, std::memory_order_relaxed) + samples;
  int64_t peak = peak_.load(std::memory_order_relaxed);
  while (held > peak && !peak_.compare_exchange_weak(peak, held, std::memory_order_relaxed)) {
  }
  if (held > max_samples_) {
    return Fail(ErrorCode::kResourceExhausted,
                "query processing would load too many samples into memory in query execution");
  }
  return {};
}

}  // namespace slurmscope::promql
