#pragma once

#include <cstdint>

namespace slurmscope::base {

// Time as the program sees it; injected, so that tests can set it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall clock, milliseconds since the epoch.
  virtual int64_t NowMs() const = 0;
  // Monotonic nanoseconds from an arbitrary start, for durations and deadlines.
  virtual int64_t SteadyNs() const = 0;
};

// The machine's clocks; lives for the whole program.
const Clock& SystemClock();

// A clock that stands still until told otherwise. Both clocks move together. Not thread-safe while
// being moved.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(int64_t now_ms = 0) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_; }
  int64_t SteadyNs() const override { return now_ms_ * 1'000'000; }
  void Advance(int64_t milliseconds) { now_ms_ += milliseconds; }

 private:
  int64_t now_ms_;
};

}  // namespace slurmscope::base
