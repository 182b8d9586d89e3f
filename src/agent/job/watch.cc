#include "agent/job/watch.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/progress.h"
#include "base/log.h"

namespace slurmscope::agent::job {
namespace {

constexpr int64_t kMs = 1'000'000;
// Events tell of everything; this is for those that got lost, and where there are none.
constexpr int64_t kScanPeriodMs = 60'000;
constexpr int64_t kBlindPeriodMs = 1'000;
// v1 has a directory in each of half a dozen hierarchies.
constexpr size_t kDirectoriesPerCgroup = 8;
constexpr auto kFirstWait = std::chrono::microseconds(100);
constexpr auto kLongestWait = std::chrono::microseconds(10'000);
constexpr auto kStopPatience = std::chrono::seconds(1);

using MemberName = std::pair<std::string, std::string>;

}  // namespace

struct JobWatch::Shared {
  Shared(const JobWatchOptions& options, std::vector<Hierarchy> hierarchies, const base::Clock& c)
      : clock(c),
        bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        table(options.table),
        tree(std::move(hierarchies), table, options.table.most_cgroups * kDirectoriesPerCgroup) {}

  void Work();
  void Do(void (Shared::*what)());
  std::unique_lock<std::mutex> Lock();
  int Prepare();
  void Begin();
  void Handle();
  void Tick();
  bool Blind() const { return !tree.Complete() || (!table.sees_ends() && !table.jobs().empty()); }
  void PublishGpus();

  const base::Clock& clock;
  const base::File bell;  // an eventfd: the thread has something to do, or is to end
  std::atomic<bool> stopping{false};

  std::mutex mutex;  // over the table and the tree
  bool begun = false;
  Progress progress;  // of the working thread
  JobTable table;
  TreeWatch tree;
  int64_t scan_at_ns = 0;
  std::atomic<bool> blind{false};
  uint64_t published_version = std::numeric_limits<uint64_t>::max();

  // By the working thread only: what it waits for.
  std::vector<pollfd> fds;
  std::vector<std::pair<Jobs::key_type, MemberName>> followed;  // by the fds from the third on

  mutable std::mutex gpu_mutex;
  std::shared_ptr<const GpuOwners> gpus = std::make_shared<const GpuOwners>();

  std::mutex end_mutex;
  std::condition_variable end_changed;
  bool ended = false;
};

void JobWatch::Shared::Tick() { table.SetTime(clock.NowMs(), clock.SteadyNs()); }

// Says for how many milliseconds to wait.
int JobWatch::Shared::Prepare() {
  fds = {{bell.fd(), POLLIN, 0}, {tree.fd(), POLLIN, 0}};
  followed.clear();
  for (const auto& [key, job] : table.jobs()) {
    for (const auto& [name, member] : job.members) {
      if (!member.process.is_open()) continue;
      fds.push_back({member.process.fd(), POLLIN, 0});
      followed.emplace_back(key, name);
    }
  }
  const int64_t next = std::min(table.NextNs(), scan_at_ns);
  const int64_t wait = (next - clock.SteadyNs() + kMs - 1) / kMs;
  return static_cast<int>(std::clamp<int64_t>(wait, 0, kScanPeriodMs));
}

void JobWatch::Shared::Handle() {
  Tick();
  // First, as its cgroup may be removed any moment; a task's before that of its step.
  for (size_t i = fds.size(); i-- > 2;) {
    if (fds[i].revents != 0) table.ProcessEnded(followed[i - 2].first, followed[i - 2].second);
  }
  tree.Drain();
  table.Tend();
  const int64_t now = clock.SteadyNs();
  if (Blind() && !blind) scan_at_ns = now;
  if (now >= scan_at_ns) {
    tree.Scan();
    blind = Blind();
    // Where ends are not seen, the last values are those of a moment before.
    if (blind) table.ReadAll();
    scan_at_ns = now + (blind ? kBlindPeriodMs : kScanPeriodMs) * kMs;
  }
  PublishGpus();
}

void JobWatch::Shared::PublishGpus() {
  if (published_version == table.version()) return;
  published_version = table.version();
  auto owners = std::make_shared<GpuOwners>();
  for (const auto& [key, job] : table.jobs()) {
    if (job.gpus.empty() || job.id.empty()) continue;
    const bool alive = job.alive();
    if (alive || !job.served()) owners->push_back({job.id, job.uid, job.gpus, alive});
  }
  const std::lock_guard lock(gpu_mutex);
  gpus = std::move(owners);
}

// Under the lock. By the thread or for the first page, which has the jobs, whoever comes first.
void JobWatch::Shared::Begin() {
  if (!std::exchange(begun, true)) Handle();
}

void JobWatch::Shared::Do(void (Shared::*what)()) {
  const std::lock_guard lock(mutex);
  try {
    (this->*what)();
  } catch (const std::exception& error) {
    base::LogError("jobs cannot be followed", {{"err", error.what()}});
  }
  progress.Set({});
}

// Says meanwhile what the working thread hangs at. Not by a timed mutex, whose wait ThreadSanitizer
// does not see.
std::unique_lock<std::mutex> JobWatch::Shared::Lock() {
  std::unique_lock lock(mutex, std::try_to_lock);
  for (auto wait = kFirstWait; !lock.owns_lock(); wait = std::min(2 * wait, kLongestWait)) {
    NotePath(progress.Get());
    std::this_thread::sleep_for(wait);
    (void)lock.try_lock();
  }
  return lock;
}

void JobWatch::Shared::Work() {
  const ProgressScope noted(progress);
  Do(&Shared::Begin);
  for (;;) {
    int wait = 0;
    {
      const std::lock_guard lock(mutex);
      wait = Prepare();
    }
    ::poll(fds.data(), fds.size(), wait);
    eventfd_t ignored = 0;
    if (fds[0].revents != 0) ::eventfd_read(bell.fd(), &ignored);
    if (stopping) return;
    Do(&Shared::Handle);
  }
}

std::unique_ptr<JobWatch> JobWatch::Start(const JobWatchOptions& options,
                                          const base::Clock& clock) {
  auto hierarchies = FindHierarchies(options.cgroup_root);
  if (hierarchies.empty()) return nullptr;
  auto shared = std::make_shared<Shared>(options, std::move(hierarchies), clock);
  try {
    std::thread([shared] {
      shared->Work();
      const std::lock_guard lock(shared->end_mutex);
      shared->ended = true;
      shared->end_changed.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    base::LogError("cannot start the thread that follows jobs", {{"err", error.what()}});
    return nullptr;
  }
  return std::unique_ptr<JobWatch>(new JobWatch(std::move(shared)));
}

JobWatch::~JobWatch() {
  shared_->stopping = true;
  ::eventfd_write(shared_->bell.fd(), 1);
  std::unique_lock lock(shared_->end_mutex);
  shared_->end_changed.wait_for(lock, kStopPatience, [&] { return shared_->ended; });
}

bool JobWatch::Scrape(const std::function<void(const JobTable&)>& use) {
  Shared& s = *shared_;
  const auto lock = s.Lock();
  s.Begin();
  s.Tick();
  const uint64_t before = s.table.version();
  s.tree.Drain();
  // What has come is to be followed by the thread, which would not hear of it.
  if (s.table.version() != before) ::eventfd_write(s.bell.fd(), 1);
  s.table.ReadAll();
  use(s.table);
  s.table.Served();
  return s.tree.SeenSlurm();
}

bool JobWatch::watched() const { return !shared_->blind; }

std::shared_ptr<const GpuOwners> JobWatch::gpu_owners() const {
  const std::lock_guard lock(shared_->gpu_mutex);
  return shared_->gpus;
}

}  // namespace slurmscope::agent::job
