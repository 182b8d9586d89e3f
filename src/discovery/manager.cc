#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "discovery/directory_watch.h"
#include "discovery/discovery.h"
#include "discovery/polled_sources.h"
#include "discovery/source.h"
#include "discovery/target_files.h"

namespace slurmscope::discovery {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kMinRefreshMs = 10;
// One change of a file makes several events, and many files are often written together.
constexpr int64_t kSettleMs = 50;

int64_t SteadyMs() { return base::SystemClock().SteadyNs() / 1'000'000; }

bool SameGroup(const config::TargetGroup& a, const config::TargetGroup& b) {
  return a.source == b.source && a.targets == b.targets && a.labels == b.labels;
}

bool SameGroups(const TargetGroups& a, const TargetGroups& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && std::equal(x.second.begin(), x.second.end(), y.second.begin(),
                                            y.second.end(), SameGroup);
  });
}

// The directories in which the files of a glob lie; only existing ones when the directory is a
// pattern itself.
std::vector<std::string> DirectoriesOf(const std::string& glob) {
  size_t slash = glob.rfind('/');
  if (slash == std::string::npos) return {"."};
  std::string directory = slash == 0 ? "/" : glob.substr(0, slash);
  if (directory.find_first_of("*?[") == std::string::npos) return {directory};
  return Glob(directory);
}

}  // namespace

struct Manager::State {
  State(OnUpdate callback, const DiscoveryOptions& options)
      : on_update(std::move(callback)),
        update_interval_ms(options.update_interval_ms),
        wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        resolver(Resolver::Create(options.resolver)),
        counters(std::make_shared<SourceCounters>()),
        polled({options.client, resolver.get(), counters}, [this] { Wake(); }) {}

  void Run();
  void Wake();
  bool TakeOrders();
  void Wait(int64_t until_ms);
  void Scan();
  void Poll();
  void NoteChange();
  void SendIfDue();
  TargetGroups Collect() const;
  void UpdateStats(const TargetGroups& groups);

  const OnUpdate on_update;
  const int64_t update_interval_ms;
  base::File wake;  // an eventfd
  const std::unique_ptr<Resolver> resolver;
  const std::shared_ptr<SourceCounters> counters;

  mutable std::mutex mutex;
  std::optional<std::vector<config::ScrapeConfig>>
      ordered;  // guarded by mutex, as are the next two
  bool stopping = false;
  DiscoveryStats stats;

  // The rest belongs to the thread.
  std::vector<config::ScrapeConfig> configs;
  std::vector<std::string> globs;
  TargetFiles files;
  DirectoryWatch watch;
  PolledSources polled;
  TargetGroups found;
  bool unsent = false;
  uint64_t changes = 0;
  uint64_t updates = 0;
  int64_t refresh_ms = kNever;
  int64_t next_scan_ms = kNever;
  int64_t next_send_ms = 0;

  std::thread thread;
};

void Manager::State::Wake() {
  uint64_t one = 1;
  // Can only fail when the counter is full, and then the thread wakes anyway.
  [[maybe_unused]] ssize_t n = ::write(wake.fd(), &one, sizeof one);
}

// False when the thread is to end.
bool Manager::State::TakeOrders() {
  std::lock_guard lock(mutex);
  if (stopping) return false;
  if (!ordered) return true;
  configs = *std::move(ordered);
  ordered.reset();
  globs.clear();
  refresh_ms = kNever;
  for (const config::ScrapeConfig& job : configs) {
    for (const config::FileSdConfig& sd : job.file_sd_configs) {
      globs.insert(globs.end(), sd.files.begin(), sd.files.end());
      refresh_ms = std::min(refresh_ms, std::max(sd.refresh_interval_ms, kMinRefreshMs));
    }
  }
  polled.Apply(configs);
  next_scan_ms = 0;
  next_send_ms = 0;
  unsent = true;
  return true;
}

void Manager::State::Wait(int64_t until_ms) {
  int timeout = -1;
  if (until_ms != kNever)
    timeout = static_cast<int>(std::clamp<int64_t>(until_ms - SteadyMs(), 0, 60'000));
  pollfd fds[2] = {{wake.fd(), POLLIN, 0}, {watch.fd(), POLLIN, 0}};
  ::poll(fds, 2, timeout);
  uint64_t count;
  [[maybe_unused]] ssize_t n = ::read(wake.fd(), &count, sizeof count);
  bool any = watch.Drain([this](const std::string& path) {
    if (path.empty()) files.MarkAllChanged();
    files.MarkChanged(path);
  });
  if (any) next_scan_ms = std::min(next_scan_ms, SteadyMs() + kSettleMs);
}

void Manager::State::Scan() {
  if (SteadyMs() < next_scan_ms) return;
  // Watch before looking, so that a change in between makes an event.
  std::set<std::string> directories;
  for (const std::string& glob : globs) {
    for (std::string& directory : DirectoriesOf(glob)) directories.insert(std::move(directory));
  }
  watch.SetDirectories(directories);
  files.Scan(globs);
  next_scan_ms = refresh_ms == kNever ? kNever : SteadyMs() + refresh_ms;
  NoteChange();
}

void Manager::State::Poll() {
  const PolledSources::Change change = polled.TakeAnswers(SteadyMs());
  if (change != PolledSources::Change::kNone) NoteChange();
  if (change == PolledSources::Change::kFirst) next_send_ms = 0;
  polled.StartDue(SteadyMs());
}

void Manager::State::NoteChange() {
  TargetGroups now = Collect();
  bool same = SameGroups(now, found);
  if (!same) ++changes;
  UpdateStats(now);
  if (same) return;
  found = std::move(now);
  unsent = true;
}

TargetGroups Manager::State::Collect() const {
  TargetGroups all;
  for (const config::ScrapeConfig& job : configs) {
    std::vector<config::TargetGroup>& groups = all[job.job_name];
    groups.insert(groups.end(), job.static_configs.begin(), job.static_configs.end());
    for (const config::FileSdConfig& sd : job.file_sd_configs) {
      for (const std::string& glob : sd.files) files.AppendGroups(glob, &groups);
    }
    polled.AppendGroups(job.job_name, &groups);
  }
  return all;
}

void Manager::State::UpdateStats(const TargetGroups& groups) {
  DiscoveryStats now;
  for (const auto& [job, list] : groups) {
    uint64_t& targets = now.discovered_targets[job];
    for (const config::TargetGroup& group : list) targets += group.targets.size();
  }
  now.file_read_errors = files.read_errors();
  now.changes = changes;
  now.updates = updates;
  std::lock_guard lock(mutex);
  stats = std::move(now);
}

void Manager::State::SendIfDue() {
  if (!unsent || SteadyMs() < next_send_ms) return;
  unsent = false;
  next_send_ms = SteadyMs() + update_interval_ms;
  {
    std::lock_guard lock(mutex);
    stats.updates = ++updates;
  }
  on_update(found);
}

void Manager::State::Run() {
  while (TakeOrders()) {
    Scan();
    Poll();
    SendIfDue();
    Wait(std::min({next_scan_ms, polled.next_due_ms(), unsent ? next_send_ms : kNever}));
  }
}

Manager::Manager(OnUpdate on_update, const DiscoveryOptions& options)
    : state_(std::make_unique<State>(std::move(on_update), options)) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

Manager::~Manager() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->Wake();
  state_->thread.join();
}

void Manager::Apply(const std::vector<config::ScrapeConfig>& configs) {
  {
    std::lock_guard lock(state_->mutex);
    state_->ordered = configs;
  }
  state_->Wake();
}

DiscoveryStats Manager::stats() const {
  DiscoveryStats stats;
  {
    std::lock_guard lock(state_->mutex);
    stats = state_->stats;
  }
  stats.refreshes = state_->polled.stats(SteadyMs());
  const SourceCounters& counters = *state_->counters;
  stats.http_failures = counters.http_failures;
  stats.dns_lookups = counters.dns_lookups;
  stats.dns_failures = counters.dns_failures;
  stats.consul_failures = counters.consul_failures;
  return stats;
}

}  // namespace slurmscope::discovery
