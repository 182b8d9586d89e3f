#include "promql/query_guard.h"

#include "base/clock.h"
#include "base/strings.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;

namespace {

// Whether it is canceled takes a look at the client's connection.
constexpr int64_t kPauseNs = 500'000;

}  // namespace

QueryGuard::QueryGuard(QueryLimits limits, std::function<bool()> canceled)
    : limits_(limits), canceled_(std::move(canceled)) {}

Result<void> QueryGuard::Check() {
  int64_t now_ns = base::SystemClock().SteadyNs();
  if (canceled_ && now_ns >= ask_next_ns_.load(std::memory_order_relaxed)) {
    std::lock_guard lock(mutex_);
    if (canceled_()) return Fail(ErrorCode::kCanceled, "query was canceled in query execution");
    ask_next_ns_.store(now_ns + kPauseNs, std::memory_order_relaxed);
  }
  if (now_ns >= limits_.deadline_ns) {
    return Fail(ErrorCode::kTimeout, "query timed out in query execution");
  }
  return {};
}

Result<void> QueryGuard::Charge(int64_t samples, int64_t bytes) {
  int64_t held = held_.fetch_add(samples, std::memory_order_relaxed) + samples;
  int64_t peak = peak_.load(std::memory_order_relaxed);
  while (held > peak && !peak_.compare_exchange_weak(peak, held, std::memory_order_relaxed)) {
  }
  int64_t held_bytes = held_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (held > limits_.max_samples) {
    return Fail(ErrorCode::kResourceExhausted,
                "query processing would load too many samples into memory in query execution");
  }
  if (limits_.max_bytes > 0 && held_bytes > limits_.max_bytes) {
    return Fail(ErrorCode::kResourceExhausted,
                base::StrCat("query processing would take more than ", limits_.max_bytes,
                             " bytes of memory (--query.max-memory) in query execution"));
  }
  return {};
}

}  // namespace slurmscope::promql
