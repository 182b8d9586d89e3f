#include "http/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include "base/clock.h"
#include "base/log.h"

namespace slurmscope::http {

using base::Result;

namespace {

constexpr int kMaxEvents = 256;
constexpr int64_t kLongestWaitMs = 60'000;

void RunLogged(const EventLoop::Task& task) {
  try {
    task();
  } catch (const std::exception& e) {
    base::LogError("http client task failed", {{"error", e.what()}});
  }
}

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return base::FailErrno("epoll_create1", errno);
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    const int error = errno;
    close(epoll_fd);
    return base::FailErrno("eventfd", error);
  }
  std::unique_ptr<EventLoop> loop(new EventLoop(epoll_fd, wake_fd));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_fd;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) != 0)
    return base::FailErrno("epoll_ctl", errno);
  return loop;
}

EventLoop::~EventLoop() {
  close(wake_fd_);
  close(epoll_fd_);
}

void EventLoop::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  eventfd_write(wake_fd_, 1);
}

bool EventLoop::Post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  posted_.push_back(std::move(task));
  if (!has_posted_.exchange(true)) eventfd_write(wake_fd_, 1);
  return true;
}

bool EventLoop::Watch(int fd, uint32_t events, Watcher& watcher) {
  const auto index = static_cast<size_t>(fd);
  if (index >= watchers_.size()) watchers_.resize(index + 1);
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  // A descriptor that was closed without Unwatch is no longer known to the kernel.
  if (watchers_[index] == nullptr || epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) {
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0 &&
        (errno != EEXIST || epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0)) {
      return false;
    }
  }
  watchers_[index] = &watcher;
  return true;
}

void EventLoop::Unwatch(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index >= watchers_.size() || watchers_[index] == nullptr) return;
  watchers_[index] = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::RunAt(int64_t steady_ns, Task task) {
  TimerId id{steady_ns, next_timer_++};
  timers_.emplace_hint(timers_.end(), id, std::move(task));
  return id;
}

void EventLoop::RunPosted() {
  if (!has_posted_) return;
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
    has_posted_ = false;
  }
  for (const Task& task : tasks) RunLogged(task);
}

void EventLoop::RunTimers() {
  if (timers_.empty()) return;
  const int64_t now = base::SystemClock().SteadyNs();
  // A bounded number, as a timer may set one for now: sockets are not to starve.
  for (size_t left = timers_.size(); left > 0 && !timers_.empty(); --left) {
    if (timers_.begin()->first.first > now) return;
    const auto node = timers_.extract(timers_.begin());
    RunLogged(node.mapped());
  }
}

void EventLoop::WaitAndServe() {
  int64_t wait_ms = kLongestWaitMs;
  if (!timers_.empty()) {
    const int64_t left = timers_.begin()->first.first - base::SystemClock().SteadyNs();
    wait_ms = std::clamp<int64_t>((left + 999'999) / 1'000'000, 0, kLongestWaitMs);
  }
  if (has_posted_) wait_ms = 0;
  epoll_event events[kMaxEvents];
  const int count = epoll_wait(epoll_fd_, events, kMaxEvents, static_cast<int>(wait_ms));
  for (int i = 0; i < count; ++i) {
    const int fd = events[i].data.fd;
    if (fd == wake_fd_) {
      eventfd_t ignored = 0;
      eventfd_read(wake_fd_, &ignored);
      continue;
    }
    Watcher* watcher = watchers_[static_cast<size_t>(fd)];
    if (watcher != nullptr) watcher->OnReady(fd, events[i].events);
  }
}

void EventLoop::Run() {
  while (!stopping_) {
    RunPosted();
    RunTimers();
    WaitAndServe();
  }
}

}  // namespace slurmscope::http
