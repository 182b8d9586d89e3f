#include "agent/crew.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/log.h"

namespace slurmscope::agent {
namespace {

// What a late job wrote longer ago than this is not given any more.
constexpr std::chrono::minutes kOldest(5);

}  // namespace

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

  void Clear() {
    for (; HasWork(); ++next) todo[next]->state_ = Job::State::kIdle;
    todo.clear();
    next = 0;
  }
};

Crew::Crew(CrewOptions options)
    : options_(options), deadline_(options.deadline), shared_(std::make_shared<Shared>()) {}

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
    job->ended_ = Clock::now();
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

// One that was fast again takes its turn among the others.
bool Crew::IsLate(const Job& job) const {
  return job.left_behind_ && job.ended_ - job.started_ >= deadline_ / 2 &&
         Clock::now() - job.ended_ < kOldest;
}

void Crew::Enqueue(const std::vector<std::shared_ptr<Job>>& jobs) {
  shared_->Clear();
  for (const auto& job : jobs) {
    job->finished_ = job->state_ == Job::State::kIdle;
    if (!job->finished_ || IsLate(*job)) continue;
    job->left_behind_ = false;
    job->state_ = Job::State::kQueued;
    shared_->todo.push_back(job);
  }
}

// Whether some job may still end in time. Jobs stuck from before have had their wait.
bool Crew::WaitsFor(const std::vector<std::shared_ptr<Job>>& jobs,
                    Clock::time_point* last_start) const {
  const auto now = Clock::now();
  bool any_queued = false;
  bool any_in_time = false;
  for (const auto& job : jobs) {
    if (!job->finished_ || job->state_ == Job::State::kIdle) continue;
    if (job->state_ == Job::State::kQueued) {
      any_queued = true;
      continue;
    }
    *last_start = std::max(*last_start, job->started_);
    job->finished_ = now - job->started_ < deadline_;
    job->left_behind_ |= !job->finished_;
    any_in_time |= job->finished_;
  }
  // When none of the running is in time, the queued wait for a thread, but not forever.
  return any_in_time || (any_queued && now - *last_start < deadline_);
}

void Crew::Leave(const std::vector<std::shared_ptr<Job>>& jobs) {
  late_.clear();
  for (const auto& job : jobs) {
    job->finished_ = job->state_ == Job::State::kIdle;
    const bool running = job->state_ == Job::State::kRunning;
    job->left_behind_ |= running;
    if (job->finished_ && job->left_behind_) late_.push_back(job);
    job->running_for_ = running ? Clock::now() - job->started_ : std::chrono::nanoseconds(0);
  }
}

void Crew::Run(const std::vector<std::shared_ptr<Job>>& jobs, std::chrono::nanoseconds limit) {
  const auto end = Clock::now() + limit;
  deadline_ = std::min(options_.deadline, limit);
  Shared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  Enqueue(jobs);
  const auto may_grow = [&] {
    return shared.HasWork() && shared.idle == 0 && shared.threads < options_.max_threads;
  };
  if (may_grow()) StartThread();
  shared.work.notify_one();
  // Where some are stuck there may be more.
  auto held =
      std::count_if(jobs.begin(), jobs.end(), [](const auto& job) { return !job->finished_; });
  auto patience = options_.patience / (held + 1);
  for (auto last_start = Clock::now(); WaitsFor(jobs, &last_start) && Clock::now() < end;) {
    if (may_grow() && Clock::now() - last_start >= patience) {
      StartThread();
      last_start = Clock::now();
      patience = options_.patience / (++held + 1);
    }
    shared.event.wait_until(lock, std::min(end, Clock::now() + std::min(patience, deadline_)));
  }
  Leave(jobs);
  shared.Clear();
}

void Crew::RunBehind() {
  if (late_.empty()) return;
  Shared& shared = *shared_;
  const std::lock_guard lock(shared.mutex);
  for (auto& job : late_) {
    job->state_ = Job::State::kQueued;
    shared.todo.push_back(std::move(job));
  }
  late_.clear();
  if (shared.idle == 0 && shared.threads < options_.max_threads) StartThread();
  shared.work.notify_one();
}

}  // namespace slurmscope::agent
