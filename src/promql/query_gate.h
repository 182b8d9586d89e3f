#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/result.h"

namespace slurmscope::promql {

using base::Result;

// Lets so many queries run at once; the others wait. Thread-safe.
class QueryGate {
 public:
  explicit QueryGate(int width) : width_(width) {}

  // Until there is room: kTimeout at the deadline (steady clock), kCanceled when `canceled` says
  // so.
  Result<void> Enter(int64_t deadline_ns, const std::function<bool()>& canceled);
  // False where there is none.
  bool TryEnter();
  void Leave();
  int active() const;

 private:
  const int width_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  int active_ = 0;
};

}  // namespace slurmscope::promql
