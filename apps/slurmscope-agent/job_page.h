#pragma once

#include <memory>

#include "agent/collector.h"
#include "agent/exporter.h"
#include "agent/flags.h"
#include "base/result.h"
#include "http/access.h"
#include "http/server.h"

namespace slurmscope {

// The page with the metrics of jobs alone and its server.
class JobPage {
 public:
  // nullptr when nobody asked for it.
  static base::Result<std::unique_ptr<JobPage>> Start(std::shared_ptr<const agent::Machine> machine,
                                                      const agent::FlagValues& flags,
                                                      std::shared_ptr<http::Access> access);

  void Stop() { server_->Stop(2); }

 private:
  explicit JobPage(std::unique_ptr<agent::Scraper> scraper)
      : exporter_(std::move(scraper), agent::ExporterOptions{}) {}

  agent::Exporter exporter_;
  std::unique_ptr<http::Server> server_;
};

// Starts to follow Slurm's jobs, when some page or the GPUs' label hpc_job needs them and there are
// cgroups.
base::Result<std::shared_ptr<agent::job::JobWatch>> StartJobs(const agent::Roots& roots,
                                                              const agent::FlagValues& flags,
                                                              bool has_gpus);

}  // namespace slurmscope
