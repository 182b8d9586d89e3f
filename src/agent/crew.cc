#include "agent/crew.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/log.h"

namespace slurmscope::agent {

using Clock = std::chrono::steady_clock;

struct Crew::Shared {
  std::mutex mutex;
  std::condition_variable work;   // todo has something, or stopping
  std::condition_variable event;  // a job was finished or a thread ended
  std::vector<std::shared_ptr<Job>> todo;
  size_t next = 0;
  size_t threads = 0;
  size_t idle = 0;
  bool stopping = false;

  bool HasWork() const { return next < todo.size(); }
};

Crew::Crew(CrewOptions options) : options_(options), shared_(std::make_shared<Shared>()) {}

Crew::~Crew() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->work.notify_all();
  shared_->event.wait_for(lock, std::chrono::seconds(1), [&] { return shared_->idle == 0; });
}

void Crew::Work(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    if (!shared->HasWork()) {
      // One waiting thread is enough: those that come back from a stuck job end here.
      if (shared->stopping || shared->idle > 0) break;
      ++shared->idle;
      shared->work.wait(lock, [&] { return shared->stopping || shared->HasWork(); });
      --shared->idle;
      continue;
    }
    const std::shared_ptr<Job> job = shared->todo[shared->next++];
    job->state_ = Job::State::kRunning;
    job->started_ = Clock::now();
    lock.unlock();
    job->Run();
    lock.lock();
    job->state_ = Job::State::kIdle;
    if (!shared->HasWork()) shared->event.notify_all();
  }
  --shared->threads;
  shared->event.notify_all();
}

void Crew::StartThread() {
  try {
    std::thread([shared = shared_] { Work(shared); }).detach();
    ++shared_->threads;
  } catch (const std::system_error& error) {
    base::LogError("cannot start a thread", {{"err", error.what()}});
  }
}

void Crew::Run(const std::vector<std::shared_ptr<Job>>& jobs) {
  Shared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  shared.todo.clear();
  shared.next = 0;
  for (const auto& job : jobs) {
    job->finished_ = job->state_ == Job::State::kIdle;
    if (!job->finished_) continue;
    job->state_ = Job::State::kQueued;
    shared.todo.push_back(job);
  }
  // Jobs stuck from before have had their wait; only those of this run are waited for.
  const auto pending = [](const std::shared_ptr<Job>& job) {
    return job->finished_ && job->state_ != Job::State::kIdle;
  };
  if (shared.HasWork() && shared.idle == 0 && shared.threads < options_.max_threads) StartThread();
  shared.work.notify_one();
  for (auto last_start = Clock::now(); std::any_of(jobs.begin(), jobs.end(), pending);) {
    const auto now = Clock::now();
    bool any_in_time = false;
    for (const auto& job : jobs) {
      if (!pending(job) || job->state_ != Job::State::kRunning) continue;
      last_start = std::max(last_start, job->started_);
      if (now - job->started_ >= options_.deadline) {
        job->finished_ = false;
      } else {
        any_in_time = true;
      }
    }
    const bool may_grow =
        shared.HasWork() && shared.idle == 0 && shared.threads < options_.max_threads;
    if (may_grow && now - last_start >= options_.patience) {
      StartThread();
      last_start = now;
    }
    if (!any_in_time && now - last_start >= options_.deadline)
      break;  // no thread to be had for the rest
    shared.event.wait_for(lock, std::min(options_.patience, options_.deadline));
  }
  for (const auto& job : jobs) {
    if (job->state_ == Job::State::kQueued) {
      job->state_ = Job::State::kIdle;
      job->finished_ = false;
    }
    const bool running = job->state_ == Job::State::kRunning;
    job->running_for_ = running ? Clock::now() - job->started_ : std::chrono::nanoseconds(0);
  }
  shared.todo.clear();
  shared.next = 0;
}

}  // namespace slurmscope::agent
