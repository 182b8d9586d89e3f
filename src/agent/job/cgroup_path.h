#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slurmscope::agent::job {

// Where a directory is in Slurm's part of a cgroup hierarchy:
//   v1: .../slurm[_NODE]/uid_N/job_N/step_X[/task_X]
//   v2: .../[NODE_]slurmstepd.scope/job_N/step_X/user/task_X     (job_N: from 26.05 on a SLUID)
enum class Level : uint8_t {
  kAbove,  // the root of the hierarchy, or a slice that may hold Slurm's part
  kTop,    // slurm, slurmstepd.scope
  kUid,
  kJob,
  kStep,
  kStepUser,  // v2's step_X/user
  kTask,
};

// Names one cgroup of a job. Empty task: a whole step; empty step, too: the whole job.
struct CgroupName {
  std::string node;  // of a slurmd that shares its machine with others; mostly empty
  std::string job;   // directory name without "job_": an id, or a SLUID
  std::string step;  // "0", "batch", "extern", "interactive"
  std::string task;  // "0", "special"

  auto operator<=>(const CgroupName&) const = default;
};

struct Place {
  Level level = Level::kAbove;
  CgroupName name;
  std::optional<uint32_t> uid;  // v1 only

  // Whether usage is counted here: jobs, steps and tasks.
  bool Counts() const {
    return level == Level::kJob || level == Level::kStep || level == Level::kTask;
  }
};

// Where the directory `name` below `parent` is; nullopt for one that has nothing of jobs. Names are
// foreign: numbers are checked, step and task names are at most 32 letters, digits, '_', '.', '+'
// and '-'.
std::optional<Place> PlaceOf(const Place& parent, bool unified, std::string_view name);

// Whether a job's directory name is a Slurm unique id ("s8FXKTA79XAR00"), not a number.
bool IsSluid(std::string_view job);

}  // namespace slurmscope::agent::job
