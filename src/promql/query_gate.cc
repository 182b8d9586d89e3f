#include "promql/query_gate.h"

#include <chrono>

#include "base/clock.h"

namespace slurmscope::promql {

using base::ErrorCode;
using base::Fail;

namespace {

// How often a waiting query looks whether it was canceled.
constexpr auto kPoll = std::chrono::milliseconds(20);

}  // namespace

Result<void> QueryGate::Enter(int64_t deadline_ns, const std::function<bool()>& canceled) {
  std::unique_lock lock(mutex_);
  while (active_ >= width_) {
    if (canceled && canceled())
      return Fail(ErrorCode::kCanceled, "query was canceled in query queue");
    if (base::SystemClock().SteadyNs() >= deadline_ns) {
      return Fail(ErrorCode::kTimeout, "query timed out in query queue");
    }
    room_.wait_for(lock, kPoll);
  }
  ++active_;
  return {};
}

bool QueryGate::TryEnter() {
  std::lock_guard lock(mutex_);
  if (active_ >= width_) return false;
  ++active_;
  return true;
}

void QueryGate::Leave() {
  {
    std::lock_guard lock(mutex_);
    --active_;
  }
  room_.notify_one();
}

int QueryGate::active() const {
  std::lock_guard lock(mutex_);
  return active_;
}

}  // namespace slurmscope::promql
