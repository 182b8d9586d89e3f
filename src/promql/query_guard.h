#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "base/result.h"

namespace slurmscope::promql {

using base::Result;

struct QueryLimits {
  int64_t deadline_ns = 0;  // on the steady clock
  int64_t max_samples = 0;  // held at once
  int64_t max_bytes = 0;    // held at once; 0: no limit
};

// Holds one query to its limits: time, cancellation, samples and bytes in memory. Thread-safe.
class QueryGuard {
 public:
  QueryGuard(QueryLimits limits, std::function<bool()> canceled);

  // kTimeout or kCanceled once the query has to stop. Costs a clock reading: ask every few thousand
  // samples.
  Result<void> Check();

  // Accounts for samples held, and for bytes that lie beside them; kResourceExhausted beyond a
  // limit (they count until released all the same).
  Result<void> Charge(int64_t samples, int64_t bytes);
  void Release(int64_t samples, int64_t bytes) {
    held_.fetch_sub(samples, std::memory_order_relaxed);
    held_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  // Samples read from storage, for statistics.
  void CountRead(int64_t samples) { read_.fetch_add(samples, std::memory_order_relaxed); }

  int64_t read() const { return read_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  QueryLimits limits_;
  std::mutex mutex_;
  std::function<bool()> canceled_;
  std::atomic<int64_t> ask_next_ns_{0};
  std::atomic<int64_t> held_{0};
  std::atomic<int64_t> held_bytes_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> read_{0};
};

// What a sample weighs in a table, and about what a series weighs beside its samples.
inline constexpr int64_t kSampleBytes = sizeof(double);
inline constexpr int64_t kSeriesBytes = 256;

// Samples charged to a guard, released when this goes. Movable; the guard must outlive it.
class SampleCharge {
 public:
  SampleCharge() = default;
  SampleCharge(SampleCharge&& other) noexcept
      : guard_(std::exchange(other.guard_, nullptr)),
        samples_(std::exchange(other.samples_, 0)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  SampleCharge& operator=(SampleCharge&& other) noexcept {
    std::swap(guard_, other.guard_);
    std::swap(samples_, other.samples_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SampleCharge() {
    if (guard_ != nullptr) guard_->Release(samples_, bytes_);
  }
  // Also for so many series that come with them.
  Result<void> Add(QueryGuard& guard, int64_t samples, int64_t series = 0) {
    // More than this is beyond every limit.
    samples = std::min(samples, int64_t{1} << 58);
    int64_t bytes = samples * kSampleBytes + std::min(series, int64_t{1} << 50) * kSeriesBytes;
    guard_ = &guard;
    samples_ += samples;
    bytes_ += bytes;
    return guard.Charge(samples, bytes);
  }

 private:
  QueryGuard* guard_ = nullptr;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace slurmscope::promql
