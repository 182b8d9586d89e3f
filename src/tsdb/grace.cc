#include "tsdb/grace.h"

#include <algorithm>
#include <thread>

namespace slurmscope::tsdb {

Grace::Pass Grace::Enter() {
  std::lock_guard lock(mutex_);
  ++inside_[epoch_];
  return {this, epoch_};
}

void Grace::Pass::Leave() {
  if (grace_ == nullptr) return;
  std::lock_guard lock(grace_->mutex_);
  auto it = grace_->inside_.find(epoch_);
  if (--it->second == 0) grace_->inside_.erase(it);
  grace_ = nullptr;
}

void Grace::Defer(std::function<void()> action) {
  std::lock_guard lock(mutex_);
  waiting_.push_back({epoch_++, std::move(action)});
}

bool Grace::Run() {
  std::lock_guard run_lock(run_mutex_);
  while (true) {
    std::function<void()> action;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return true;
      bool all_left = inside_.empty() || inside_.begin()->first > waiting_.front().epoch;
      if (!all_left) return false;
      action = std::move(waiting_.front().action);
      waiting_.pop_front();
    }
    action();
  }
}

bool Grace::Drain(std::chrono::milliseconds timeout, const std::function<bool()>& stop) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  std::chrono::milliseconds pause(1);
  while (!Run()) {
    if (stop() || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
  return true;
}

}  // namespace slurmscope::tsdb
