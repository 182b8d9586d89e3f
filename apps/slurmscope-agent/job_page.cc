#include "job_page.h"

#include <utility>

#include "agent/job/specs.h"
#include "base/clock.h"
#include "base/log.h"

namespace slurmscope {

using base::Result;

namespace {

std::vector<std::string> Addresses(const agent::FlagValues& flags) {
  std::vector<std::string> addresses = flags.Strings("job.listen-address");
  std::erase(addresses, "");
  return addresses;
}

}  // namespace

Result<std::shared_ptr<agent::job::JobWatch>> StartJobs(const agent::Roots& roots,
                                                        const agent::FlagValues& flags,
                                                        bool has_gpus) {
  const bool on_page = agent::IsEnabled(agent::job::JobCollectors()[0], flags);
  const bool for_gpus = has_gpus && flags.Bool("gpu.hpc-job");
  if (!on_page && !for_gpus && Addresses(flags).empty()) {
    return std::shared_ptr<agent::job::JobWatch>();
  }
  return agent::job::StartJobWatch(roots, flags, base::SystemClock());
}

Result<std::unique_ptr<JobPage>> JobPage::Start(std::shared_ptr<const agent::Machine> machine,
                                                const agent::FlagValues& flags,
                                                std::shared_ptr<http::Access> access) {
  std::vector<std::string> addresses = Addresses(flags);
  if (addresses.empty()) return std::unique_ptr<JobPage>();
  agent::Scraper::Options options;
  options.self_metrics = false;
  options.framework_metrics = false;
  agent::FlagValues on = flags;
  on.Add("collector.slurm_job", "true");
  std::unique_ptr<JobPage> page(
      new JobPage(TRY(agent::Scraper::Create(machine, on, options, agent::job::JobCollectors()))));
  http::ServerOptions server;
  server.listen_addresses = std::move(addresses);
  server.worker_threads = 2;
  server.access = std::move(access);
  page->server_ =
      TRY(http::Server::Start(server, [router = page->exporter_.MakeRouter()](const auto& request) {
        return router.Handle(request);
      }));
  for (const std::string& address : page->server_->addresses())
    base::LogInfo("jobs: listening", {{"address", address}});
  return page;
}

}  // namespace slurmscope
