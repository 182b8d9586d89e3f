#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace slurmscope::tsdb {

// Lets memory be taken back only when nobody can be looking at it any more: who uses the head's
// series or chunks without a lock holds a pass, and what takes something away waits for all passes
// that were given out before. Thread-safe; must outlive its passes.
class Grace {
 public:
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept
        : grace_(std::exchange(other.grace_, nullptr)), epoch_(other.epoch_) {}
    Pass& operator=(Pass&& other) noexcept {
      Leave();
      grace_ = std::exchange(other.grace_, nullptr);
      epoch_ = other.epoch_;
      return *this;
    }
    ~Pass() { Leave(); }
    bool held() const { return grace_ != nullptr; }
    void Leave();

   private:
    friend class Grace;
    Pass(Grace* grace, uint64_t epoch) : grace_(grace), epoch_(epoch) {}
    Grace* grace_ = nullptr;
    uint64_t epoch_ = 0;
  };

  Pass Enter();
  // `action` is run by a later Run(), when all passes given out until now are back, and after what
  // was deferred before it. It may defer more.
  void Defer(std::function<void()> action);
  // Runs what may run; true when nothing waits any more.
  bool Run();
  // Run() until nothing waits, at most for `timeout` or until `stop` says so.
  bool Drain(std::chrono::milliseconds timeout, const std::function<bool()>& stop);

 private:
  struct Waiting {
    uint64_t epoch = 0;
    std::function<void()> action;
  };
  std::mutex mutex_;
  uint64_t epoch_ = 1;
  std::map<uint64_t, uint64_t> inside_;  // passes by the epoch they were given out in
  std::deque<Waiting> waiting_;
  std::mutex run_mutex_;  // one Run() at a time; taken before mutex_
};

}  // namespace slurmscope::tsdb
