#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "base/result.h"

namespace slurmscope::promql {

using base::Result;

// Holds one query to its limits: time, cancellation, samples in memory. Thread-safe.
class QueryGuard {
 public:
  // `deadline_ns` on the steady clock.
  QueryGuard(int64_t deadline_ns, int64_t max_samples, std::function<bool()> canceled);

  // kTimeout or kCanceled once the query has to stop. Costs a clock reading: ask every few thousand
  // samples.
  Result<void> Check();

  // Accounts for samples held; kResourceExhausted beyond the limit (they count until released all
  // the same).
  Result<void> Charge(int64_t samples);
  void Release(int64_t samples) { held_.fetch_sub(samples, std::memory_order_relaxed); }
  // Samples read from storage, for statistics.
  void CountRead(int64_t samples) { read_.fetch_add(samples, std::memory_order_relaxed); }

  int64_t read() const { return read_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  int64_t deadline_ns_;
  int64_t max_samples_;
  std::mutex mutex_;
  std::function<bool()> canceled_;
  std::atomic<int64_t> held_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> read_{0};
};

// Samples charged to a guard, released when this goes. Movable; the guard must outlive it.
class SampleCharge {
 public:
  SampleCharge() = default;
  SampleCharge(SampleCharge&& other) noexcept
      : guard_(std::exchange(other.guard_, nullptr)), samples_(std::exchange(other.samples_, 0)) {}
  SampleCharge& operator=(SampleCharge&& other) noexcept {
    std::swap(guard_, other.guard_);
    std::swap(samples_, other.samples_);
    return *this;
  }
  ~SampleCharge() {
    if (guard_ != nullptr) guard_->Release(samples_);
  }
  Result<void> Add(QueryGuard& guard, int64_t samples) {
    guard_ = &guard;
    samples_ += samples;
    return guard.Charge(samples);
  }

 private:
  QueryGuard* guard_ = nullptr;
  int64_t samples_ = 0;
};

}  // namespace slurmscope::promql
