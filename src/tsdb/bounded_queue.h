#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace slurmscope::tsdb {

// Hands items from one thread to another in order, with a bound on those that wait. Items that were
// used up can be given back, so that their memory is used again. Thread-safe.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t limit) : limit_(limit) {}

  // Waits while the queue is full.
  void Push(T item) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return items_.size() < limit_; });
    items_.push_back(std::move(item));
    lock.unlock();
    has_items_.notify_one();
  }
  // No more will come.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    has_items_.notify_all();
  }
  // Waits; nullopt when closed and empty.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    has_items_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    has_room_.notify_one();
    return item;
  }

  void GiveBack(T item) {
    std::lock_guard lock(mutex_);
    if (spare_.size() < limit_) spare_.push_back(std::move(item));
  }
  // One that was given back, as it was, or a new one.
  T Spare() {
    std::lock_guard lock(mutex_);
    if (spare_.empty()) return T();
    T item = std::move(spare_.back());
    spare_.pop_back();
    return item;
  }

 private:
  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable has_room_;
  std::condition_variable has_items_;
  std::deque<T> items_;
  std::vector<T> spare_;
  bool closed_ = false;
};

}  // namespace slurmscope::tsdb
