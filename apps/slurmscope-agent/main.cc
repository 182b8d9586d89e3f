#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>

#include "agent/exporter.h"
#include "agent/scraper.h"
#include "base/clock.h"
#include "base/file_limit.h"
#include "base/log.h"
#include "base/version.h"
#include "command_line.h"
#include "edge/web_access.h"
#include "gpu_page.h"
#include "http/server.h"

namespace slurmscope {
namespace {

using base::Result;

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<std::shared_ptr<const agent::Machine>> MakeMachine(const agent::FlagValues& flags) {
  agent::Roots roots{
      WithoutSlash(flags.String("path.procfs")), WithoutSlash(flags.String("path.sysfs")),
      WithoutSlash(flags.String("path.rootfs")), WithoutSlash(flags.String("path.udev.data"))};
  auto stat = std::make_shared<agent::SharedProcFile>(roots.procfs + "/stat");
  auto gpus = TRY(StartGpus(roots, flags));
  return std::make_shared<agent::Machine>(
      agent::Machine{std::move(roots), base::SystemClock(), std::move(stat), std::move(gpus)});
}

// Blocks the signals in this and all later threads, so that WaitForSignal gets them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

Result<std::shared_ptr<http::Access>> OpenAccess(const agent::FlagValues& flags) {
  auto opened = TRY(edge::OpenWebAccess(flags.String("web.config.file")));
  for (const std::string& warning : opened.warnings) base::LogWarn(warning);
  const auto open = edge::OpenAddresses(flags.Strings("web.listen-address"));
  const bool safe = opened.access && opened.access->has_tls() && opened.access->knows_clients();
  if (!safe && !open.empty()) {
    base::LogWarn(
        "metrics are open to the network without TLS and users; --web.config.file has both, "
        "--web.listen-address=127.0.0.1:9100 keeps them on this machine",
        {{"address", open.front()}});
  }
  return std::move(opened.access);
}

Result<void> Serve(const agent::FlagValues& flags) {
  const base::LogLevel level = TRY(base::ParseLogLevel(flags.String("log.level")));
  TRY(base::InitLogging(level, flags.String("log.format")));
  base::RaiseFileLimit();  // every counter file of a large machine stays open
  const sigset_t signals = BlockStopSignals();
  const int64_t max_requests = TRY(flags.Int("web.max-requests"));
  agent::Scraper::Options scraper_options;
  scraper_options.self_metrics = !flags.Bool("web.disable-exporter-metrics");
  const auto machine = TRY(MakeMachine(flags));
  agent::Exporter exporter(
      TRY(agent::Scraper::Create(machine, flags, scraper_options, NodePageCollectors())),
      {flags.String("web.telemetry-path"),
       static_cast<size_t>(std::max<int64_t>(max_requests, 0))});
  http::ServerOptions options;
  options.listen_addresses = flags.Strings("web.listen-address");
  options.worker_threads = 2;
  options.access = TRY(OpenAccess(flags));
  const auto server = TRY(
      http::Server::Start(options, [router = exporter.MakeRouter()](const http::Request& request) {
        return router.Handle(request);
      }));
  base::LogInfo("slurmscope-agent started", {{"version", base::Version()}});
  for (const std::string& address : server->addresses())
    base::LogInfo("listening", {{"address", address}});
  const auto gpu_page = TRY(GpuPage::Start(machine, flags, options.access));
  int received = 0;
  sigwait(&signals, &received);
  base::LogInfo("stopping", {{"signal", received == SIGINT ? "SIGINT" : "SIGTERM"}});
  server->Stop(2);
  if (gpu_page) gpu_page->Stop();
  return {};
}

int Run(int argc, char** argv) {
  const auto line = ParseCommandLine(argc, argv);
  if (!line) {
    std::fprintf(stderr, "slurmscope-agent: error: %s\n", line.error().message().c_str());
    return 1;
  }
  if (!line->text.empty()) {
    std::fputs(line->text.c_str(), stdout);
    return 0;
  }
  const auto served = Serve(line->flags);
  if (served) return 0;
  base::LogError("cannot start", {{"err", served.error()}});
  return 1;
}

}  // namespace
}  // namespace slurmscope

int main(int argc, char** argv) { return slurmscope::Run(argc, argv); }
