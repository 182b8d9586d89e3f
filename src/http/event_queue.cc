#include "http/event_queue.h"

#include <utility>

namespace slurmscope::http {

void EventQueue::Wake() {
  if (auto wake = std::exchange(wake_, nullptr)) wake();
}

bool EventQueue::Push(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  closed_ = text_.size() + text.size() > kMaxWaitingBytes;
  if (!closed_) text_ += text;
  Wake();
  return !closed_;
}

void EventQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  Wake();
}

bool EventQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool EventQueue::Drain(std::string& out) {
  const std::lock_guard lock(mutex_);
  out += text_;
  text_.clear();
  return !closed_;
}

bool EventQueue::WaitForText(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (closed_ || !text_.empty()) return false;
  wake_ = std::move(wake);
  return true;
}

void EventQueue::Abandon() {
  std::function<void()> unused;  // freed without the lock
  const std::lock_guard lock(mutex_);
  closed_ = true;
  text_.clear();
  unused.swap(wake_);
}

}  // namespace slurmscope::http
