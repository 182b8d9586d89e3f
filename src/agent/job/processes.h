#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slurmscope::agent::job {

// Reading what the processes of a job say. All of it is foreign: a user can write anything into
// his environment, so only what is bounded and belongs to the expected job counts.

// The GPUs of one job on this node.
struct GpuList {
  std::vector<unsigned> minors;    // of /dev/nvidiaN, as gres.conf names them
  std::vector<std::string> uuids;  // "GPU-..." or "MIG-..."

  bool empty() const { return minors.empty() && uuids.empty(); }
  // Adds what is not yet there, up to 64 of each.
  void Add(const GpuList& other);
};

// "0,2-3", or UUIDs, as SLURM_JOB_GPUS and the like have it. What does not parse is left out.
GpuList ParseGpuList(std::string_view text);

// What an environment (NAME=VALUE, each ended by '\0') says of GPUs.
struct JobEnviron {
  std::string_view job;  // SLURM_JOB_ID; empty before the job's program has been started
  std::string_view job_gpus;
  std::string_view step_gpus;
  std::string_view visible;  // CUDA_VISIBLE_DEVICES, else ROCR_VISIBLE_DEVICES
};
JobEnviron ParseEnviron(std::string_view text);

// The GPUs of this node that a process of `step` was given. SLURM_STEP_GPUS in a step of srun:
// SLURM_JOB_GPUS is that of the node where srun was called. SLURM_JOB_GPUS elsewhere. The numbers
// in CUDA_VISIBLE_DEVICES count from 0 within the job and say nothing, UUIDs in it do.
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
