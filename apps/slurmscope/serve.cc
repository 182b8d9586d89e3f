#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "base/file_limit.h"
#include "base/log.h"
#include "base/program_pages.h"
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

// Takes the signals in a thread from the start on: reading the log may take long, and must end when
// one says so.
class Signals {
 public:
  explicit Signals(const sigset_t& signals) : thread_([this, signals] { Take(signals); }) {}
  ~Signals() {
    if (!stopped_) pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // True once SIGINT or SIGTERM came.
  const std::atomic<bool>& stopped() const { return stopped_; }
  // Until then; SIGHUP reloads on the way.
  void WaitForStop(Server& server) {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || reload_; });
      if (stopped_) return;
      reload_ = false;
      lock.unlock();
      (void)server.Reload();  // it has logged what was wrong; the running configuration stays
      lock.lock();
    }
  }

 private:
  void Take(const sigset_t& signals) {
    while (!stopped_) {
      int signal = 0;
      if (sigwait(&signals, &signal) != 0) continue;
      std::lock_guard lock(mutex_);
      (signal == SIGHUP ? reload_ : stopped_) = true;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> reload_{false};
  std::thread thread_;
};

}  // namespace

int RunServe(const std::vector<std::string>& args, bool as_prometheus) {
  ServeFlagsOutcome outcome = ParseServeFlags(args, as_prometheus);
  if (outcome.exit) return outcome.exit_code;
  if (auto logging = base::InitLogging(outcome.flags.log_level, outcome.flags.log_format);
      !logging) {
    std::fprintf(stderr, "slurmscope serve: %s\n", logging.error().message().c_str());
    return 1;
  }
  base::RaiseFileLimit();
  Signals signals(BlockSignals());
  base::LogInfo("starting slurmscope",
                {{"version", base::Version()}, {"revision", base::Revision()}});
  for (const std::string& note : outcome.flags.notes) base::LogWarn(note);
  auto server = Server::Start(
      std::move(outcome.flags), [] { kill(getpid(), SIGTERM); }, signals.stopped());
  if (!server && signals.stopped()) {
    base::LogInfo("stopped while starting", {{"at", server.error()}});
    return 0;
  }
  if (!server) {
    std::fprintf(stderr, "slurmscope serve: %s\n", server.error().message().c_str());
    return server.error().code() == base::ErrorCode::kPermissionDenied ? 2 : 1;
  }
  base::GiveBackProgramPages();  // 10 MiB of names of functions
  base::NotifySystemd("READY=1");
  signals.WaitForStop(**server);
  base::LogInfo("stopping");
  base::NotifySystemd("STOPPING=1");
  server->reset();
  base::LogInfo("stopped");
  return 0;
}

}  // namespace slurmscope::app
