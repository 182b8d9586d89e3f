#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include "agent/collectors/cpu_topology.h"
#include "agent/exporter.h"
#include "agent/scraper.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/systemd.h"
#include "base/version.h"
#include "command_line.h"
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

// Every counter file of a large machine stays open: take what the hard limit allows, within reason.
void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 65536));
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Before any thread is started, so that all of them inherit it.
Result<void> StepAside(const agent::FlagValues& flags) {
  const int64_t nice = TRY(flags.Int("nice"));
  constexpr int64_t kLowest = 19;
  if (nice < 0 || nice > kLowest)
    return base::Fail(base::ErrorCode::kInvalidArgument, "--nice: want 0 to 19");
  if (nice > 0 && ::setpriority(PRIO_PROCESS, 0, static_cast<int>(nice)) != 0)
    return base::FailErrno("--nice", errno);
  const std::string list = flags.String("cpu-affinity");
  if (list.empty()) return {};
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const unsigned cpu : agent::ParseCpuList(list)) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &cpus);
  }
  if (CPU_COUNT(&cpus) == 0)
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      base::StrCat("--cpu-affinity: cannot read ", base::Quote(list)));
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0)
    return base::FailErrno("--cpu-affinity", errno);
  return {};
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

Result<void> Serve(const agent::FlagValues& flags) {
  const base::LogLevel level = TRY(base::ParseLogLevel(flags.String("log.level")));
  TRY(base::InitLogging(level, flags.String("log.format")));
  TRY(StepAside(flags));
  RaiseFileLimit();
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
  if (flags.Bool("web.systemd-socket")) {
    options.listen_sockets = base::TakeSystemdSockets();
    if (options.listen_sockets.empty())
      return base::Fail(base::ErrorCode::kInvalidArgument,
                        "--web.systemd-socket: systemd handed over no socket");
  } else {
    options.listen_addresses = flags.Strings("web.listen-address");
  }
  options.worker_threads = 2;
  const auto server = TRY(
      http::Server::Start(options, [router = exporter.MakeRouter()](const http::Request& request) {
        return router.Handle(request);
      }));
  base::LogInfo("slurmscope-agent started", {{"version", base::Version()}});
  for (const std::string& address : server->addresses())
    base::LogInfo("listening", {{"address", address}});
  const auto gpu_page = TRY(GpuPage::Start(machine, flags));
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
