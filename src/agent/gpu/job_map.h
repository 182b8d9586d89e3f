#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/gpu/snapshot.h"

namespace slurmscope::agent::gpu {

// Says which jobs a GPU belongs to now. Not thread-safe.
class GpuJobs {
 public:
  virtual ~GpuJobs() = default;
  // Looks anew; before a scrape.
  virtual void Update() = 0;
  // Job ids of a GPU or instance; valid until the next Update.
  virtual const std::vector<std::string>& JobsOf(const GpuEntity& entity) const = 0;
};

// A directory that Slurm's prolog fills, as dcgm-exporter has it (--hpc-job-mapping-dir): a file
// for each GPU, named by its index, or "INDEX.INSTANCE" with MIG; each line is a job. Files with
// other names are passed over; at most 1024 files of 64 KiB, 64 jobs a GPU.
class JobDirectory final : public GpuJobs {
 public:
  explicit JobDirectory(std::string path) : path_(std::move(path)) {}

  void Update() override;
  const std::vector<std::string>& JobsOf(const GpuEntity& entity) const override;

 private:
  using Key = std::pair<unsigned, int64_t>;  // GPU, instance or -1
  void Read(const std::string& file, Key key);

  const std::string path_;
  bool warned_ = false;
  std::string buffer_;
  std::map<Key, std::vector<std::string>> jobs_;
};

// "3" or "3.7" as GPU and instance; -1 for no instance. False for any other name.
bool ParseJobFileName(std::string_view name, unsigned& gpu, int64_t& instance);
// The job ids of a file: its lines without blanks around. Empty lines are left out, and those that
// are no text or longer than 256 bytes.
void ParseJobFile(std::string_view text, std::vector<std::string>& out);

}  // namespace slurmscope::agent::gpu
