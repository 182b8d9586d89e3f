#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::agent::job {

// Reading what the processes of a job say. All of it is foreign: a user can write anything into
// his environment, so only what is bounded and belongs to the expected job counts.

// The GPUs of one job on this node.
struct GpuList {
  std::vector<unsigned> minors;    // of /dev/nvidiaN
  std::vector<unsigned> places;    // GpuEntity::place
  std::vector<std::string> uuids;  // "GPU-..." or "MIG-..."

  bool empty() const { return minors.empty() && places.empty() && uuids.empty(); }
  // Adds what is not yet there, up to 64 of each.
  void Add(const GpuList& other);
};

// "0,2-3", or UUIDs, as SLURM_JOB_GPUS and the like have it. What does not parse is left out.
// Numbers are in `minors`.
GpuList ParseGpuList(std::string_view text);

// Slurm numbers GPUs in the order of its own list, which its gres.conf makes. This says what the
// numbers are: minor numbers (File=/dev/nvidia[0-7]); places in NVML's order (AutoDetect=nvml); or
// the minor numbers in Slurm's order.
struct GpuNumbering {
  bool by_place = false;
  std::vector<unsigned> minors;  // by Slurm's number; empty: it is the number itself

  // "minor", "nvml" or "4-7,0".
  static base::Result<GpuNumbering> Parse(std::string_view text);
  // From Slurm's numbers in `minors` to what they are.
  void Apply(GpuList& list) const;
};

// What an environment (NAME=VALUE, each ended by '\0') says of GPUs.
struct JobEnviron {
  std::string_view job;  // SLURM_JOB_ID; empty before the job's program has been started
  std::string_view job_gpus;
  std::string_view step_gpus;
  std::string_view visible;  // CUDA_VISIBLE_DEVICES, else ROCR_VISIBLE_DEVICES
};
JobEnviron ParseEnviron(std::string_view text);

// The GPUs of this node that a process of `step` was given, by Slurm's numbers or UUIDs.
// SLURM_STEP_GPUS in a step of srun, SLURM_JOB_GPUS elsewhere: each of them Slurm sets there or
// takes away, while the other one may come from where the job was submitted, with the rest of that
// environment. The numbers in CUDA_VISIBLE_DEVICES count from 0 within the job and say nothing;
// UUIDs in it are exact, and all there is of instances (MIG).
GpuList GpusOf(const JobEnviron& environ, std::string_view step);

// v1's devices.list: the minor numbers of NVIDIA's devices that are allowed; nullopt when all
// devices are, which says nothing.
std::optional<std::vector<unsigned>> ParseDevicesList(std::string_view text);

// The job id of slurmstepd's title, "slurmstepd: [12.batch]"; empty for any other process.
std::string_view ParseStepdTitle(std::string_view command_line);

// The real user of /proc/PID/status.
std::optional<uint32_t> ParseStatusUid(std::string_view text);

// The first `most` process ids of cgroup.procs. 0 (of another pid namespace) is left out.
void ParsePids(std::string_view text, size_t most, std::vector<int>& out);

}  // namespace slurmscope::agent::job
