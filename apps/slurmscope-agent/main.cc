#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include "agent/collectors/cpu_topology.h"
#include "base/clock.h"
#include "base/file_limit.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "command_line.h"
#include "edge/web_access.h"
#include "http/access.h"
#include "memory.h"
#include "pages.h"

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
  auto jobs = TRY(StartJobs(roots, flags, gpus != nullptr));
  return std::make_shared<agent::Machine>(agent::Machine{
      std::move(roots), base::SystemClock(), std::move(stat), std::move(gpus), std::move(jobs)});
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
  if (CPU_COUNT(&cpus) == 0) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      base::StrCat("--cpu-affinity: cannot read ", base::Quote(list)));
  }
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0)
    return base::FailErrno("--cpu-affinity", errno);
  return {};
}

// The kernel keeps open files in a table that it doubles; once there are threads it waits each
// time, 10 to 20 ms, until no CPU reads the old one, in the midst of the first scrape. So it gets
// its size (32 KiB) before.
void MakeRoomForFiles() {
  constexpr int kFiles = 4096;
  const int last = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kFiles - 1);
  if (last >= 0) ::close(last);
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

// Gives memory back when the start is over, and once more when scrapes have found all there is.
int WaitForSignal(const sigset_t& signals) {
  for (const time_t seconds : {3, 60}) {
    const timespec wait{seconds, 0};
    const int received = ::sigtimedwait(&signals, nullptr, &wait);
    if (received > 0) return received;
    GiveBackMemory();
  }
  int received = 0;
  sigwait(&signals, &received);
  return received;
}

// Of all pages.
std::vector<std::string> ListenAddresses(const agent::FlagValues& flags, bool has_gpus) {
  std::vector<std::string> all = flags.Strings("web.listen-address");
  const auto add = [&](std::string_view flag) {
    for (std::string& address : flags.Strings(flag)) all.push_back(std::move(address));
  };
  if (has_gpus) add("gpu.listen-address");
  add("job.listen-address");
  std::erase(all, "");
  return all;
}

Result<std::shared_ptr<http::Access>> OpenAccess(const agent::FlagValues& flags, bool has_gpus) {
  auto opened = TRY(edge::OpenWebAccess(flags.String("web.config.file")));
  for (const std::string& warning : opened.warnings) base::LogWarn(warning);
  const auto open = edge::OpenAddresses(ListenAddresses(flags, has_gpus));
  const bool safe = opened.access && opened.access->has_tls() && opened.access->knows_clients();
  if (!safe && !open.empty()) {
    base::LogWarn(
        "metrics are open to the network without TLS and users; --web.config.file has both, "
        "an address like 127.0.0.1:9100 keeps them on this machine",
        {{"address", open.front()}});
  }
  return std::move(opened.access);
}

Result<void> Serve(const agent::FlagValues& flags) {
  const base::LogLevel level = TRY(base::ParseLogLevel(flags.String("log.level")));
  TRY(base::InitLogging(level, flags.String("log.format")));
  TRY(StepAside(flags));
  base::RaiseFileLimit();  // every counter file of a large machine stays open
  MakeRoomForFiles();
  const sigset_t signals = BlockStopSignals();
  const auto machine = TRY(MakeMachine(flags));
  const auto access = TRY(OpenAccess(flags, machine->gpu != nullptr));
  base::LogInfo("slurmscope-agent starts", {{"version", base::Version()}});
  const PageContext context{machine, flags, access};
  const auto node_page = TRY(StartNodePage(context));
  const auto gpu_page = TRY(StartGpuPage(context));
  const auto job_page = TRY(StartJobPage(context));
  const int received = WaitForSignal(signals);
  base::LogInfo("stopping", {{"signal", received == SIGINT ? "SIGINT" : "SIGTERM"}});
  return {};
}

int Run(int argc, char** argv) {
  UseOneHeap();
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
