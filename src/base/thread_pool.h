#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace slurmscope::base {

// Threads that run tasks in the order given, with a bound on the tasks that wait. A thread is
// started when a task comes and none is free, up to a fixed number. Thread-safe. What a task throws
// is logged, and the thread goes on.
class ThreadPool {
 public:
  // `threads` >= 1; `max_queued` tasks may wait beyond the running ones.
  ThreadPool(size_t threads, size_t max_queued);
  // Runs what is queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False, and the task is not taken, when the queue is full, the pool is stopping, or its first
  // thread cannot be started.
  [[nodiscard]] bool TrySubmit(std::function<void()> task);

  // Runs body(0) ... body(n-1) on the pool and the calling thread, and returns when all are done.
  // Which thread runs which index is not defined. What body throws comes out of here, after the
  // others are done; indexes not begun by then are left out. May be called from several threads,
  // not from inside a task of this pool.
  void ParallelFor(size_t n, const std::function<void(size_t)>& body);

  // The most there can be.
  size_t threads() const { return max_threads_; }

 private:
  void Run();
  void StartThreadIfWanted();

  const size_t max_threads_;
  const size_t max_queued_;
  std::mutex mutex_;  // over all below
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace slurmscope::base
