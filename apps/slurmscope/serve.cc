#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "base/file_limit.h"
#include "base/log.h"
#include "base/systemd.h"
#include "base/version.h"
#include "serve_flags.h"
#include "server.h"
#include "verbs.h"

namespace slurmscope::app {
namespace {

// The signals that main waits for; blocked before any thread starts, so that none of them gets one.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Until SIGINT or SIGTERM; SIGHUP reloads on the way.
void WaitForStop(const sigset_t& signals, Server& server) {
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return;
    (void)server.Reload();  // it has logged what was wrong; the running configuration stays
  }
}

}  // namespace

int RunServe(const std::vector<std::string>& args) {
  ServeFlagsOutcome outcome = ParseServeFlags(args);
  if (outcome.exit) return outcome.exit_code;
  if (auto logging = base::InitLogging(outcome.flags.log_level, outcome.flags.log_format);
      !logging) {
    std::fprintf(stderr, "slurmscope serve: %s\n", logging.error().message().c_str());
    return 1;
  }
  base::RaiseFileLimit();
  sigset_t signals = BlockSignals();
  base::LogInfo("starting slurmscope",
                {{"version", base::Version()}, {"revision", base::Revision()}});
  for (const std::string& note : outcome.flags.notes) base::LogWarn(note);
  auto server = Server::Start(std::move(outcome.flags), [] { kill(getpid(), SIGTERM); });
  if (!server) {
    std::fprintf(stderr, "slurmscope serve: %s\n", server.error().message().c_str());
    return server.error().code() == base::ErrorCode::kPermissionDenied ? 2 : 1;
  }
  base::NotifySystemd("READY=1");
  WaitForStop(signals, **server);
  base::LogInfo("stopping");
  base::NotifySystemd("STOPPING=1");
  server->reset();
  base::LogInfo("stopped");
  return 0;
}

}  // namespace slurmscope::app
