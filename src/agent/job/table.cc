#include "agent/job/table.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>

#include "agent/attr_file.h"
#include "agent/progress.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::job {
namespace {

constexpr int64_t kMs = 1'000'000;
// After a cgroup came: processes join it, and then start the job's program with its environment.
constexpr int64_t kLooksMs[] = {0, 10, 50, 250, 1000, 4000, 16000};
constexpr size_t kMostPids = 64;
constexpr size_t kMostProcBytes = 256 << 10;
constexpr int64_t kUnservedFactor = 10;

using Name = std::pair<std::string, std::string>;

Name MemberName(const Place& place) { return {place.name.step, place.name.task}; }

int OpenPidfd(int pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace

bool Job::alive() const {
  return std::any_of(members.begin(), members.end(),
                     [](const auto& member) { return member.second.ended_ns == 0; });
}

bool Job::served() const {
  return std::any_of(members.begin(), members.end(),
                     [](const auto& member) { return member.second.served; });
}

bool JobTable::MakeRoom() {
  if (members_ < options_.most_cgroups) return true;
  Jobs::iterator oldest_job = jobs_.end();
  Members::iterator oldest;
  int64_t oldest_ns = std::numeric_limits<int64_t>::max();
  for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
    for (auto at = job->second.members.begin(); at != job->second.members.end(); ++at) {
      const int64_t ended = at->second.ended_ns;
      if (ended == 0 || ended >= oldest_ns || !at->second.shown) continue;
      oldest_job = job;
      oldest = at;
      oldest_ns = ended;
    }
  }
  ++dropped_;
  if (oldest_job == jobs_.end()) return false;
  oldest_job->second.members.erase(oldest);
  --members_;
  if (oldest_job->second.members.empty()) jobs_.erase(oldest_job);
  return true;
}

void JobTable::Found(const Hierarchy& hierarchy, const Place& place, const std::string& directory) {
  const bool shown = place.level <= options_.detail;
  const Jobs::key_type key{place.name.node, place.name.job};
  const Name name = MemberName(place);
  auto job = jobs_.find(key);
  if (job == jobs_.end() || !job->second.members.contains(name)) {
    if (shown && !MakeRoom()) return;
    job = jobs_.try_emplace(key).first;
    job->second.members.try_emplace(name, place.level, shown);
    members_ += shown ? 1 : 0;
    ++version_;
  }
  Job& its = job->second;
  if (its.id.empty() && !IsSluid(place.name.job)) its.id = place.name.job;
  if (place.uid) its.uid = place.uid;
  Member& member = its.members.find(name)->second;
  if (member.ended_ns != 0) {
    // A job that runs again, or that another hierarchy has had for longer.
    member = Member(place.level, shown);
    if (place.level == Level::kJob) {
      its.gpus = {};
      its.gpus_by_devices = false;
    }
    ++version_;
  }
  member.cgroup.AddDirectory(hierarchy, directory, shown);
  // Of a job that is over before anything else can be read, this is what is known.
  const LookAgainScope some_files_come_later;
  Read(its, name, member, nullptr, &hierarchy);
  member.looks = 0;
  member.look_at_ns = steady_ns_ + kLooksMs[0] * kMs;
}

Member* JobTable::Find(const Place& place, Job*& job) {
  const auto at = jobs_.find({place.name.node, place.name.job});
  if (at == jobs_.end()) return nullptr;
  job = &at->second;
  const auto member = at->second.members.find(MemberName(place));
  return member == at->second.members.end() ? nullptr : &member->second;
}

void JobTable::Gone(const Hierarchy& hierarchy, const Place& place) {
  Job* job = nullptr;
  Member* member = Find(place, job);
  if (member != nullptr) member->cgroup.DropDirectory(hierarchy);
  if (job != nullptr) ReadPath(*job, MemberName(place));
  if (member == nullptr || member->ended_ns != 0) return;
  if (member->cgroup.alive()) return;
  member->ended_ms = now_ms_;
  member->ended_ns = steady_ns_;
  member->process.Close();
  member->look_at_ns = 0;
  ++version_;
}

void JobTable::Joined(const Place& place) {
  Job* job = nullptr;
  Member* member = Find(place, job);
  if (member == nullptr || member->ended_ns != 0) return;
  if (member->process.is_open() && member->identified) return;
  member->looks = 0;
  member->look_at_ns = steady_ns_;
  ++version_;
}

void JobTable::Populated(const Place& place) {
  Job* job = nullptr;
  if (Find(place, job); job != nullptr) ReadPath(*job, MemberName(place));
}

// The deepest first, as it is removed first.
void JobTable::ReadPath(Job& job, const Name& name) {
  const LookAgainScope no_later_chance;
  const Name path[] = {{}, {name.first, ""}, name};
  const size_t depth = name.first.empty() ? 1 : name.second.empty() ? 2 : 3;
  const auto member_of = [&](size_t level) -> Member* {
    const auto at = job.members.find(path[level]);
    return at == job.members.end() ? nullptr : &at->second;
  };
  for (size_t level = depth; level-- > 0;) {
    Member* const member = member_of(level);
    if (member == nullptr || member->ended_ns != 0) continue;
    Member* above = nullptr;
    for (size_t outer = level; outer-- > 0 && above == nullptr;) above = member_of(outer);
    Read(job, path[level], *member, above == nullptr ? nullptr : &above->cgroup.usage());
  }
}

void JobTable::Read(Job& job, const Name& name, Member& member, const Usage* above,
                    const Hierarchy* only) {
  const auto kills = [&] { return At(member.cgroup.usage(), Measure::kOomKills); };
  const double before = kills();
  member.cgroup.Read(above, only);
  if (!member.cgroup.counts_kills_alone() || std::isnan(kills())) return;
  const double more = std::max(0.0, kills() - (std::isnan(before) ? 0 : before));
  if (more == 0 && !std::isnan(before)) return;
  for (const Name& outer : {Name{}, Name{name.first, ""}}) {
    const auto at = job.members.find(outer);
    if (at != job.members.end()) at->second.cgroup.AddKills(more);
  }
}

void JobTable::ReadAll() {
  for (auto& [key, job] : jobs_) {
    // In order of names: the job comes before its steps, and a step before its tasks.
    const Usage* of_job = nullptr;
    const Usage* of_step = nullptr;
    const std::string* step = nullptr;
    for (auto& [name, member] : job.members) {
      if (step == nullptr || *step != name.first) of_step = of_job;
      step = &name.first;
      if (member.ended_ns == 0) Read(job, name, member, name.second.empty() ? of_job : of_step);
      if (name.first.empty()) of_job = &member.cgroup.usage();
      if (name.second.empty()) of_step = &member.cgroup.usage();
    }
  }
}

void JobTable::Served() {
  for (auto& [key, job] : jobs_) {
    for (auto& [name, member] : job.members) {
      if (member.ended_ns == 0) {
        member.served = true;
      } else {
        member.served_at_end = true;
      }
    }
  }
}

// When; INT64_MAX while it lives.
int64_t JobTable::ForgetNs(const Member& member) const {
  if (member.ended_ns == 0) return std::numeric_limits<int64_t>::max();
  if (!member.shown) return member.ended_ns;
  return member.ended_ns + options_.keep_ms * (member.served_at_end ? 1 : kUnservedFactor) * kMs;
}

void JobTable::Tend() {
  CountFollowed();
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    auto& members = job->second.members;
    for (auto& [name, member] : members) {
      const bool due = member.look_at_ns != 0 && member.look_at_ns <= steady_ns_;
      if (due) Look(job->second, name, member);
    }
    const size_t forgotten = std::erase_if(members, [&](const auto& at) {
      if (ForgetNs(at.second) > steady_ns_) return false;
      members_ -= at.second.shown ? 1 : 0;
      return true;
    });
    if (forgotten > 0) ++version_;
    job = members.empty() ? jobs_.erase(job) : std::next(job);
  }
}

void JobTable::ProcessEnded(const Jobs::key_type& key, const Name& name) {
  const auto job = jobs_.find(key);
  if (job == jobs_.end()) return;
  const auto at = job->second.members.find(name);
  if (at == job->second.members.end()) return;
  ReadPath(job->second, name);
  Member& member = at->second;
  member.process.Close();
  // Others may go on in its place. Not sooner than this, as they may be many and short.
  if (member.ended_ns != 0) return;
  const size_t wait = std::min<size_t>(std::max(2u, member.looks), std::size(kLooksMs) - 1);
  member.look_at_ns = steady_ns_ + kLooksMs[wait] * kMs;
}

int64_t JobTable::NextNs() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const auto& [key, job] : jobs_) {
    for (const auto& [name, member] : job.members) {
      if (member.look_at_ns != 0) next = std::min(next, member.look_at_ns);
      next = std::min(next, ForgetNs(member));
    }
  }
  return next;
}

// The text of /proc/PID/FILE, up to a limit; in a buffer that the next call uses again.
std::optional<std::string_view> JobTable::ReadProc(int pid, const char* file) {
  // A process that hangs in the kernel can hold up who reads its environment.
  const std::string path = base::StrCat(options_.procfs, "/", pid, "/", file);
  NotePath(path);
  const auto opened = base::File::Open(path, O_RDONLY | O_NONBLOCK);
  if (!opened) return std::nullopt;
  if (buffer_.empty()) buffer_.resize(4096);
  for (;;) {
    const auto size = opened->ReadAt(buffer_.data(), buffer_.size(), 0);
    if (!size) return std::nullopt;
    if (*size < buffer_.size() || buffer_.size() >= kMostProcBytes) {
      return std::string_view(buffer_.data(), *size);
    }
    buffer_.resize(buffer_.size() * 4);
  }
}

void JobTable::LookAtDevices(Job& job) {
  const auto total = job.members.find({});
  if (total == job.members.end()) return;
  for (const auto& [hierarchy, path] : total->second.cgroup.directories()) {
    const unsigned bit = 1u << static_cast<unsigned>(Controller::kDevices);
    if ((hierarchy->controllers & bit) == 0) continue;
    const auto text = AttrFile(path + "/devices.list").Raw();
    const auto minors = text ? ParseDevicesList(*text) : std::nullopt;
    if (!minors) return;
    job.gpus_by_devices = true;
    if (job.gpus.minors == *minors && job.gpus.uuids.empty()) return;
    job.gpus = {*minors, {}, {}};
    ++version_;
  }
}

// The directory says nothing of the id: slurmstepd's title does, in the step's sibling of "user".
void JobTable::ResolveSluid(Job& job, const Member& member) {
  for (const auto& [hierarchy, path] : member.cgroup.directories()) {
    const auto text = AttrFile(path + "/slurm/cgroup.procs").Raw();
    if (!text) continue;
    ParsePids(*text, kMostPids, pids_);
    for (const int pid : pids_) {
      const auto title = ReadProc(pid, "cmdline");
      if (title) job.id = ParseStepdTitle(*title);
      if (job.id.empty()) continue;
      ++version_;
      return;
    }
  }
}

void JobTable::Look(Job& job, const Name& name, Member& member) {
  const bool again = ++member.looks < std::size(kLooksMs);
  member.look_at_ns = again ? steady_ns_ + kLooksMs[member.looks] * kMs : 0;
  if (name.first.empty()) {
    LookAtDevices(job);
    if (member.looks > 4) member.look_at_ns = 0;
    return;
  }
  if (job.id.empty() && name.second.empty()) ResolveSluid(job, member);
  for (const auto& [hierarchy, path] : member.cgroup.directories()) {
    const auto text = AttrFile(path + "/cgroup.procs").Raw();
    if (!text) continue;
    ParsePids(*text, kMostPids, pids_);
    for (const int pid : pids_) {
      const auto title = ReadProc(pid, "cmdline");
      if (!title) continue;
      // A task's process is a copy of slurmstepd until it starts its program, and ends with it.
      const bool started = !title->starts_with("slurmstepd");
      if (started || !name.second.empty()) Follow(member, pid);
      if (!started) continue;
      if (!member.identified) Identify(job, name.first, member, pid);
      if (member.process.is_open() && member.identified) member.look_at_ns = 0;
      return;
    }
  }
}

void JobTable::Follow(Member& member, int pid) {
  if (member.process.is_open()) return;
  if (followed_ >= options_.most_followed) {
    if (!std::exchange(too_many_, true)) {
      base::LogWarn("too many tasks to wait for the end of each: they are read every second",
                    {{"limit", options_.most_followed}});
    }
    return;
  }
  member.process = base::File(OpenPidfd(pid));
  if (member.process.is_open()) ++followed_;
  // EPERM: a sandbox that does not know the call.
  if (!member.process.is_open() && (errno == ENOSYS || errno == EPERM)) kernel_tells_ = false;
}

void JobTable::CountFollowed() {
  followed_ = 0;
  for (const auto& [key, job] : jobs_) {
    for (const auto& [name, member] : job.members) followed_ += member.process.is_open() ? 1 : 0;
  }
  if (jobs_.empty()) too_many_ = false;
}

void JobTable::Identify(Job& job, const std::string& step, Member& member, int pid) {
  if (step == "extern") {
    member.identified = true;
    return;
  }
  if (const auto text = ReadProc(pid, "status"); text && !job.uid) {
    job.uid = ParseStatusUid(*text);
    ++version_;
  }
  const auto text = ReadProc(pid, "environ");
  if (!text) return;
  const JobEnviron environ = ParseEnviron(*text);
  // Empty or another one before the job's program has been started.
  if (environ.job.empty() || environ.job != job.id) return;
  // What a process says first counts: later its user may have changed it.
  member.identified = true;
  if (job.gpus_by_devices) return;
  GpuList gpus = GpusOf(environ, step);
  options_.gpu_numbers.Apply(gpus);
  job.gpus.Add(gpus);
  ++version_;
}

}  // namespace slurmscope::agent::job
