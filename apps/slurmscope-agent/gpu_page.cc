#include "gpu_page.h"

#include <algorithm>
#include <utility>

#include "agent/gpu/specs.h"
#include "agent/gpu/web.h"
#include "base/clock.h"
#include "base/log.h"

namespace slurmscope {

using base::Result;

Result<std::shared_ptr<agent::gpu::GpuService>> StartGpus(const agent::Roots& roots,
                                                          const agent::FlagValues& flags) {
  const bool asked = flags.IsGiven("gpu.listen-address") || flags.IsGiven("nvml.library") ||
                     flags.Bool("collector.nvidia_gpu");
  if (!asked && !agent::gpu::HasGpu(roots)) return std::shared_ptr<agent::gpu::GpuService>();
  return std::shared_ptr<agent::gpu::GpuService>(
      TRY(agent::gpu::StartGpuService(roots, flags, base::SystemClock())));
}

Result<std::unique_ptr<GpuPage>> GpuPage::Start(std::shared_ptr<const agent::Machine> machine,
                                                const agent::FlagValues& flags,
                                                std::shared_ptr<http::Access> access) {
  std::vector<std::string> addresses = flags.Strings("gpu.listen-address");
  std::erase(addresses, "");
  if (machine->gpu == nullptr || addresses.empty()) return std::unique_ptr<GpuPage>();
  agent::Scraper::Options options;
  options.self_metrics = false;
  options.framework_metrics = false;
  agent::FlagValues all_on = flags;
  all_on.Add("collector.disable-defaults", "false");
  for (const char* name : {"collector.nvidia_gpu", "collector.amd_gpu"}) all_on.Add(name, "true");
  std::unique_ptr<GpuPage> page(new GpuPage(
      TRY(agent::Scraper::Create(machine, all_on, options, agent::gpu::GpuPageCollectors()))));
  http::Router router = page->exporter_.MakeRouter();
  agent::gpu::AddGpuRoutes(router, *machine->gpu, flags.String("gpu.pause-token-file"));
  http::ServerOptions server;
  server.listen_addresses = std::move(addresses);
  server.worker_threads = 2;
  server.access = std::move(access);
  auto started = http::Server::Start(
      server, [router = std::move(router)](const auto& request) { return router.Handle(request); });
  if (!started && !flags.IsGiven("gpu.listen-address")) {
    base::LogWarn("no page of the GPUs; give --gpu.listen-address another one",
                  {{"err", started.error()}});
    return std::unique_ptr<GpuPage>();
  }
  page->server_ = TRY(std::move(started));
  for (const std::string& address : page->server_->addresses())
    base::LogInfo("GPUs: listening", {{"address", address}});
  return page;
}

}  // namespace slurmscope
