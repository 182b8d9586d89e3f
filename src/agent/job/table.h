#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/job/cgroup.h"
#include "agent/job/processes.h"
#include "agent/job/tree_watch.h"
#include "base/file.h"

namespace slurmscope::agent::job {

struct JobTableOptions {
  std::string procfs = "/proc";
  Level detail = Level::kTask;  // kJob, kStep: what is below is followed, but not shown
  GpuNumbering gpu_numbers;
  // For how long the last values of what has ended are served, once they were in a page; at most
  // ten times as long without a page.
  int64_t keep_ms = 60'000;
  size_t most_cgroups = 4096;  // beyond: what ended first is dropped, then new ones
  size_t most_followed = 256;  // processes whose end is waited for, each with a descriptor
};

// A cgroup of a job and what is done to see its end.
struct Member {
  Member(Level level, bool is_shown) : cgroup(level), shown(is_shown) {}

  Cgroup cgroup;
  bool shown;                  // false: only its processes and its end are of interest
  int64_t ended_ms = 0;        // Unix time; 0: it lives
  int64_t ended_ns = 0;        // steady
  bool served = false;         // was in a page while it lived
  bool served_at_end = false;  // and after its end
  base::File process;          // a pidfd: its end is mostly the end of the task
  bool identified = false;     // user and GPUs of its processes are known
  unsigned looks = 0;          // at its processes
  int64_t look_at_ns = 0;      // when the next is due; 0: never
};

struct Job {
  std::string id;  // empty while only a SLUID is known
  std::optional<uint32_t> uid;
  GpuList gpus;
  bool gpus_by_devices = false;  // from the devices cgroup: nothing else counts
  // By step and task; both empty: the whole job.
  std::map<std::pair<std::string, std::string>, Member> members;

  bool alive() const;
  bool served() const;
};

// By slurmd's node name (mostly empty) and the name of the job's directory.
using Jobs = std::map<std::pair<std::string, std::string>, Job>;

// All jobs of this node with their usage, those that ended a moment ago included. Not thread-safe.
class JobTable final : public TreeListener {
 public:
  // The times are those of `clock`, given as base::Clock has them.
  explicit JobTable(JobTableOptions options) : options_(std::move(options)) {}

  // Before anything else is called for one moment.
  void SetTime(int64_t now_ms, int64_t steady_ns) {
    now_ms_ = now_ms;
    steady_ns_ = steady_ns;
  }

  void Found(const Hierarchy& hierarchy, const Place& place, const std::string& directory) override;
  // Reads what is above, which still has the usage of what is gone.
  void Gone(const Hierarchy& hierarchy, const Place& place) override;
  void Joined(const Place& place) override;
  // Reads its task, step and job.
  void Populated(const Place& place) override;

  // Reads all that lives.
  void ReadAll();
  // All that is known was in a page.
  void Served();
  // Looks at processes where it is time, forgets what ended long ago.
  void Tend();
  // The process of `member` has ended: reads its task, step and job at once.
  void ProcessEnded(const Jobs::key_type& job, const std::pair<std::string, std::string>& member);

  // Steady time of the next Tend; INT64_MAX: none is needed.
  int64_t NextNs() const;
  const Jobs& jobs() const { return jobs_; }
  // Cgroups not kept for want of room.
  uint64_t dropped() const { return dropped_; }
  // False where the kernel cannot tell of the end of processes (before 5.3), or there are too many
  // of them, so that usage has to be read all the time.
  bool sees_ends() const { return kernel_tells_ && !too_many_; }
  // Grows when jobs, their processes, users or GPUs change.
  uint64_t version() const { return version_; }

 private:
  using Members = std::map<std::pair<std::string, std::string>, Member>;

  bool MakeRoom();
  Member* Find(const Place& place, Job*& job);
  void ReadPath(Job& job, const std::pair<std::string, std::string>& member);
  static void Read(Job& job, const Members::key_type& name, Member& member, const Usage* above,
                   const Hierarchy* only = nullptr);
  void Look(Job& job, const Members::key_type& name, Member& member);
  void LookAtDevices(Job& job);
  void ResolveSluid(Job& job, const Member& member);
  void Follow(Member& member, int pid);
  void CountFollowed();
  void Identify(Job& job, const std::string& step, Member& member, int pid);
  int64_t ForgetNs(const Member& member) const;
  std::optional<std::string_view> ReadProc(int pid, const char* file);

  const JobTableOptions options_;
  Jobs jobs_;
  size_t members_ = 0;  // that are shown; the others are as many as TreeWatch knows at most
  int64_t now_ms_ = 0;
  int64_t steady_ns_ = 0;
  uint64_t dropped_ = 0;
  uint64_t version_ = 0;
  bool kernel_tells_ = true;
  size_t followed_ = 0;
  bool too_many_ = false;  // until there are no jobs
  std::vector<int> pids_;
  std::string buffer_;
};

}  // namespace slurmscope::agent::job
