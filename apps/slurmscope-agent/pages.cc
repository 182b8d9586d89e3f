#include "pages.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/gpu/specs.h"
#include "agent/gpu/web.h"
#include "agent/job/specs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/systemd.h"
#include "command_line.h"

namespace slurmscope {
namespace {

using base::Result;

std::vector<std::string> Addresses(const agent::FlagValues& flags, std::string_view flag) {
  std::vector<std::string> addresses = flags.Strings(flag);
  std::erase(addresses, "");
  return addresses;
}

http::ServerOptions ServerOf(const PageContext& context, std::vector<std::string> addresses) {
  http::ServerOptions server;
  server.listen_addresses = std::move(addresses);
  server.worker_threads = 2;
  server.max_connections = 60;         // few enough for one thread to look after
  server.max_header_bytes = 16 << 10;  // the library clears as much behind each request
  server.access = context.access;
  return server;
}

// Scrapes are made one at a time, so most of those at the same time are waiting.
void LimitRequests(size_t most, http::ServerOptions* server) {
  if (most == 0) return;
  server->worker_threads = std::min(server->worker_threads, most);
  server->max_queued_requests = std::max<size_t>(most - server->worker_threads, 1);
}

// Where there are no cgroups that jobs could be in, nothing is said of them, not even that.
std::span<const agent::CollectorSpec> CollectorsOf(const agent::Machine& machine) {
  const auto all = NodePageCollectors();
  return machine.jobs ? all : all.first(all.size() - agent::job::JobCollectors().size());
}

// A page with nothing of the machine and of the agent itself.
agent::Scraper::Options CollectorsOnly() {
  agent::Scraper::Options options;
  options.self_metrics = false;
  options.framework_metrics = false;
  return options;
}

Result<http::ServerOptions> ServerOnSockets(const PageContext& context, std::string_view flag) {
  http::ServerOptions server = ServerOf(context, {});
  server.listen_sockets = base::TakeSystemdSockets();
  if (!server.listen_sockets.empty()) return server;
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    base::StrCat("--", flag, ": systemd handed over no socket"));
}

}  // namespace

Result<std::unique_ptr<Page>> StartNodePage(const PageContext& context) {
  const agent::FlagValues& flags = context.flags;
  PageOptions options;
  options.collectors = CollectorsOf(*context.machine);
  options.scraper.self_metrics = !flags.Bool("web.disable-exporter-metrics");
  const int64_t max_requests = TRY(flags.Int("web.max-requests"));
  options.exporter = {flags.String("web.telemetry-path"),
                      static_cast<size_t>(std::max<int64_t>(max_requests, 0))};
  if (flags.Bool("web.systemd-socket")) {
    options.server = TRY(ServerOnSockets(context, "web.systemd-socket"));
  } else {
    options.server = ServerOf(context, Addresses(flags, "web.listen-address"));
    if (options.server.listen_addresses.empty()) return std::unique_ptr<Page>();
  }
  LimitRequests(options.exporter.max_requests, &options.server);
  return Page::Start(context.machine, flags, std::move(options));
}

Result<std::unique_ptr<Page>> StartGpuPage(const PageContext& context) {
  const agent::FlagValues& flags = context.flags;
  const auto service = context.machine->gpu;
  PageOptions options;
  if (service == nullptr) return std::unique_ptr<Page>();
  const bool on_sockets = flags.Bool("gpu.systemd-socket");
  if (on_sockets) options.server = TRY(ServerOnSockets(context, "gpu.systemd-socket"));
  if (!on_sockets) options.server = ServerOf(context, Addresses(flags, "gpu.listen-address"));
  if (!on_sockets && options.server.listen_addresses.empty()) return std::unique_ptr<Page>();
  options.title = "GPUs: ";
  options.exporter.heading = "GPU Exporter";
  options.collectors = agent::gpu::GpuPageCollectors();
  options.scraper = CollectorsOnly();
  options.add_routes = [&, token_file = flags.String("gpu.pause-token-file")](auto& router) {
    agent::gpu::AddGpuRoutes(router, *service, token_file);
  };
  agent::FlagValues all_on = flags;
  all_on.Add("collector.disable-defaults", "false");
  for (const char* name : {"collector.nvidia_gpu", "collector.amd_gpu"}) all_on.Add(name, "true");
  auto page = Page::Start(context.machine, all_on, std::move(options));
  if (page || flags.IsGiven("gpu.listen-address")) return page;
  base::LogWarn("no page of the GPUs; give --gpu.listen-address another one",
                {{"err", page.error()}});
  return std::unique_ptr<Page>();
}

Result<std::unique_ptr<Page>> StartJobPage(const PageContext& context) {
  PageOptions options;
  options.server = ServerOf(context, Addresses(context.flags, "job.listen-address"));
  if (options.server.listen_addresses.empty()) return std::unique_ptr<Page>();
  options.title = "jobs: ";
  options.collectors = agent::job::JobCollectors();
  options.scraper = CollectorsOnly();
  agent::FlagValues on = context.flags;
  on.Add("collector.slurm_job", "true");
  return Page::Start(context.machine, on, std::move(options));
}

Result<std::shared_ptr<agent::gpu::GpuService>> StartGpus(const agent::Roots& roots,
                                                          const agent::FlagValues& flags) {
  const bool asked = flags.IsGiven("gpu.listen-address") || flags.IsGiven("nvml.library") ||
                     flags.Bool("gpu.systemd-socket") || flags.Bool("collector.nvidia_gpu");
  if (!asked && !agent::gpu::HasGpu(roots)) return std::shared_ptr<agent::gpu::GpuService>();
  return std::shared_ptr<agent::gpu::GpuService>(
      TRY(agent::gpu::StartGpuService(roots, flags, base::SystemClock())));
}

Result<std::shared_ptr<agent::job::JobWatch>> StartJobs(const agent::Roots& roots,
                                                        const agent::FlagValues& flags,
                                                        bool has_gpus) {
  const bool on_page = agent::IsEnabled(agent::job::JobCollectors()[0], flags);
  const bool for_gpus = has_gpus && flags.Bool("gpu.hpc-job");
  if (!on_page && !for_gpus && Addresses(flags, "job.listen-address").empty())
    return std::shared_ptr<agent::job::JobWatch>();
  return agent::job::StartJobWatch(roots, flags, base::SystemClock());
}

}  // namespace slurmscope
