#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace slurmscope::agent {

// Work that may hang in the kernel (statfs on a dead NFS server). Run must not throw.
class Job {
 public:
  virtual ~Job() = default;
  virtual void Run() = 0;

  // After Crew::Run: whether the job has run to its end, in that call or since the one before.
  // When false, a thread may still be inside Run, and what Run writes must not be looked at.
  bool finished() const { return finished_; }
  // After Crew::Run: for how long the job has been running, 0 when it is not.
  std::chrono::nanoseconds running_for() const { return running_for_; }

 private:
  friend class Crew;
  using Clock = std::chrono::steady_clock;
  enum class State { kIdle, kQueued, kRunning };
  // These: under the crew's lock.
  State state_ = State::kIdle;
  Clock::time_point started_;
  Clock::time_point ended_;
  bool left_behind_ = false;  // in its last run nobody waited for its end

  bool finished_ = false;
  std::chrono::nanoseconds running_for_{0};
};

struct CrewOptions {
  // A job that takes longer lets the rest go on beside it, on another thread. When many do, each
  // is given less.
  std::chrono::nanoseconds patience{};
  std::chrono::nanoseconds deadline{};  // a job that takes longer is left behind
  size_t max_threads = 128;             // left-behind jobs keep a thread each
};

// Runs jobs one after another on one helper thread. A job that overruns its deadline keeps that
// thread and is left behind; the others go on with a fresh one. It is not started again before it
// returns, and then recovers by itself: what is always slow runs behind, between one Run and the
// next. One Run at a time; jobs live on while a thread is inside them.
class Crew {
 public:
  explicit Crew(CrewOptions options);
  // Waits for idle threads, not for stuck ones.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Returns when each job has finished or run for the deadline, after `limit` in any case; jobs
  // still stuck from before are passed over. One that ended since the last Run, too late for it,
  // counts as finished and is not run.
  void Run(const std::vector<std::shared_ptr<Job>>& jobs,
           std::chrono::nanoseconds limit = std::chrono::hours(1));
  // Starts anew the jobs whose late end the last Run gave, and does not wait. To be called after
  // each Run, when the caller is done with what the jobs wrote.
  void RunBehind();

 private:
  using Clock = Job::Clock;
  struct Shared;
  static void Work(const std::shared_ptr<Shared>& shared);
  void StartThread();
  bool IsLate(const Job& job) const;
  void Enqueue(const std::vector<std::shared_ptr<Job>>& jobs);
  bool WaitsFor(const std::vector<std::shared_ptr<Job>>& jobs, Clock::time_point* last_start) const;
  void Leave(const std::vector<std::shared_ptr<Job>>& jobs);

  const CrewOptions options_;
  std::chrono::nanoseconds deadline_;  // of this Run
  std::vector<std::shared_ptr<Job>> late_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace slurmscope::agent
