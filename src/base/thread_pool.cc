#include "base/thread_pool.h"

#include <atomic>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace slurmscope::base {
namespace {

void RunLogged(const std::function<void()>& task) {
  try {
    task();
  } catch (const std::exception& e) {
    LogError("a task failed", {{"error", e.what()}});
  } catch (...) {
    LogError("a task failed", {{"error", "unknown exception"}});
  }
}

}  // namespace

ThreadPool::ThreadPool(size_t threads, size_t max_queued)
    : max_threads_(threads), max_queued_(max_queued) {
  threads_.reserve(threads);
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ThreadPool::TrySubmit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(task));
    StartThreadIfWanted();
    if (threads_.empty()) {
      queue_.pop_back();
      return false;
    }
  }
  wake_.notify_one();
  return true;
}

// An idle thread that was woken counts as idle until it has taken its task, so each waiting task
// needs one.
void ThreadPool::StartThreadIfWanted() {
  if (queue_.size() <= idle_ || threads_.size() >= max_threads_) return;
  try {
    threads_.emplace_back([this] { Run(); });
  } catch (const std::system_error& e) {
    LogError("cannot start a thread", {{"error", e.what()}});
  }
}

void ThreadPool::Run() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    RunLogged(task);
  }
}

void ThreadPool::ParallelFor(size_t n, const std::function<void(size_t)>& body) {
  struct Shared {
    std::atomic<size_t> next{0};
    std::atomic<size_t> helpers{0};
    std::mutex mutex;
    std::condition_variable done;
    std::exception_ptr error;  // the first one
  };
  if (n == 0) return;
  auto shared = std::make_shared<Shared>();
  auto work = [shared, n, &body] {
    try {
      for (size_t i = shared->next++; i < n; i = shared->next++) body(i);
    } catch (...) {
      shared->next = n;
      std::lock_guard lock(shared->mutex);
      if (!shared->error) shared->error = std::current_exception();
    }
  };
  // A helper registers before it touches `body`, and one that starts after the last index was taken
  // only looks at the shared counter: so waiting for the registered ones is enough, a queued one is
  // never waited for.
  auto helper = [shared, n, work] {
    {
      std::lock_guard lock(shared->mutex);
      if (shared->next >= n) return;
      ++shared->helpers;
    }
    work();
    {
      std::lock_guard lock(shared->mutex);
      --shared->helpers;
    }
    shared->done.notify_all();
  };
  try {
    for (size_t i = 0; i + 1 < n && i < max_threads_; ++i) {
      if (!TrySubmit(helper)) break;
    }
  } catch (const std::bad_alloc&) {  // then with the helpers there are
  }
  work();
  std::unique_lock lock(shared->mutex);
  shared->done.wait(lock, [&] { return shared->helpers == 0; });
  if (shared->error) std::rethrow_exception(shared->error);
}

}  // namespace slurmscope::base
