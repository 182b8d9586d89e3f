#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::http {

// Readiness of sockets, timers and tasks of one thread, over epoll. Private to the room. All but
// Post and Stop is only to be called on the thread that is in Run, or before Run.
class EventLoop {
 public:
  using Task = std::function<void()>;
  // Deadline in steady nanoseconds, and a number that makes it unique. {} names no timer.
  using TimerId = std::pair<int64_t, uint64_t>;

  class Watcher {
   public:
    virtual ~Watcher() = default;
    // `events`: EPOLLIN, ...; may be of a descriptor that had this number before.
    virtual void OnReady(int fd, uint32_t events) = 0;
  };

  static base::Result<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Serves until Stop. Tasks and timers that are left over never run.
  void Run();
  void Stop();
  // Runs `task` soon; from any thread. False after Stop.
  bool Post(Task task);

  // Sets what `watcher`, which must outlive the watch, is told of `fd`. False when the system
  // refuses.
  bool Watch(int fd, uint32_t events, Watcher& watcher);
  // To be called before `fd` is closed.
  void Unwatch(int fd);
  TimerId RunAt(int64_t steady_ns, Task task);
  // Nothing happens when it has run.
  void Cancel(const TimerId& timer) { timers_.erase(timer); }

 private:
  EventLoop(int epoll_fd, int wake_fd) : epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}

  void RunPosted();
  void RunTimers();
  void WaitAndServe();

  const int epoll_fd_;
  const int wake_fd_;
  std::mutex mutex_;
  std::vector<Task> posted_;  // guarded by mutex_
  std::atomic<bool> has_posted_ = false;
  std::atomic<bool> stopping_ = false;
  // The rest belongs to the thread.
  std::map<TimerId, Task> timers_;
  uint64_t next_timer_ = 1;
  std::vector<Watcher*> watchers_;  // by descriptor
};

}  // namespace slurmscope::http
