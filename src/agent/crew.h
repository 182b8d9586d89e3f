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

  // After Crew::Run: whether the job ran to its end in that call. When false, a thread may still be
  // inside Run, and what Run writes must not be looked at.
  bool finished() const { return finished_; }
  // After Crew::Run: for how long the job has been running, 0 when it is not.
  std::chrono::nanoseconds running_for() const { return running_for_; }

 private:
  friend class Crew;
  enum class State { kIdle, kQueued, kRunning };
  State state_ = State::kIdle;  // this and started_: under the crew's lock
  std::chrono::steady_clock::time_point started_;
  bool finished_ = false;
  std::chrono::nanoseconds running_for_{0};
};

struct CrewOptions {
  std::chrono::nanoseconds
      patience{};  // a job that takes longer lets the rest go on beside it, on another thread
  std::chrono::nanoseconds deadline{};  // a job that takes longer is left behind
  size_t max_threads = 16;              // left-behind jobs keep a thread each
};

// Runs jobs one after another on one helper thread. A job that overruns its deadline keeps that
// thread and is left behind; the others go on with a fresh one. It is not started again before it
// returns, and then recovers by itself. One Run at a time; jobs live on while a thread is inside
// them.
class Crew {
 public:
  explicit Crew(CrewOptions options);
  // Waits for idle threads, not for stuck ones.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Returns when each job has finished or run for the deadline; jobs still stuck from before are
  // passed over.
  void Run(const std::vector<std::shared_ptr<Job>>& jobs);

 private:
  struct Shared;
  static void Work(const std::shared_ptr<Shared>& shared);
  void StartThread();

  const CrewOptions options_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace slurmscope::agent
