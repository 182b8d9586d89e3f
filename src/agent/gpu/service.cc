#include "agent/gpu/service.h"

#include <sys/stat.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/scan.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent::gpu {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto kOldest = std::chrono::seconds(30);
constexpr auto kStopPatience = std::chrono::seconds(1);
constexpr milliseconds kClosingPause{500};
constexpr milliseconds kUsualPause = std::chrono::minutes(10);
constexpr uint64_t kMaxPauseFileBytes = 4096;

struct FileStamp {
  int64_t ns = 0;
  uint64_t inode = 0;
  int64_t size = -1;
  bool operator==(const FileStamp&) const = default;
};

FileStamp StampOf(const std::string& path) {
  struct stat info {};
  if (path.empty() || ::stat(path.c_str(), &info) != 0) return {};
  return {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino, info.st_size};
}

double Seconds(Steady::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void LogProblems(const std::string& path, const Counters& counters) {
  for (const std::string& problem : counters.problems) {
    base::LogError("counters file: left out", {{"file", path}, {"err", problem}});
  }
}

}  // namespace

Result<PauseRequest> ParsePauseFile(std::string_view text) {
  PauseRequest request{kUsualPause, false};
  for (std::string_view line; NextLine(text, line);) {
    for (std::string_view word = NextField(line); !word.empty(); word = NextField(line)) {
      if (word == "release") {
        request.release = true;
        continue;
      }
      request.duration = milliseconds(TRY(base::ParseDurationMs(word)));
    }
  }
  request.duration = std::min<milliseconds>(request.duration, kLongestPause);
  return request;
}

struct GpuService::Shared {
  Shared(GpuServiceOptions o, const base::Clock& c)
      : options(std::move(o)),
        clock(c),
        xids(std::make_shared<XidLog>()),
        reader(options.reader, xids, c) {}

  void Work();
  void LookAtFiles();
  void LookAtCounters();
  void LookAtPauseFile();
  void UseCounters(std::shared_ptr<const Counters> fresh);
  PauseRequest PauseNow();

  const GpuServiceOptions options;
  const base::Clock& clock;
  const std::shared_ptr<XidLog> xids;
  NvmlReader reader;  // by the working thread only
  FileStamp counters_stamp;
  FileStamp pause_stamp;
  std::shared_ptr<GpuSnapshot> spare;

  std::mutex mutex;  // over all below
  std::condition_variable changed;
  bool asked = true;
  bool busy = false;
  bool stopping = false;
  bool ended = false;
  Steady::time_point busy_since;
  Steady::time_point read_at;
  uint64_t reads = 0;
  std::shared_ptr<GpuSnapshot> latest;
  std::shared_ptr<const Counters> counters;
  Steady::time_point pause_until;  // by request
  bool pause_release = false;
  Steady::time_point file_pause_until;
  bool file_release = false;
};

void GpuService::Shared::UseCounters(std::shared_ptr<const Counters> fresh) {
  std::vector<bool> wanted(AllFields().size());
  for (const Counter& row : fresh->rows) wanted[static_cast<size_t>(row.field)] = true;
  reader.SetWanted(std::move(wanted));
  const std::lock_guard lock(mutex);
  counters = std::move(fresh);
}

void GpuService::Shared::LookAtCounters() {
  const FileStamp stamp = StampOf(options.counters_file);
  if (stamp == counters_stamp || stamp.size < 0) return;
  counters_stamp = stamp;
  auto loaded = LoadCounters(options.counters_file);
  if (!loaded) {
    base::LogError("counters file cannot be read again, going on with the old one",
                   {{"err", loaded.error()}});
    return;
  }
  LogProblems(options.counters_file, *loaded);
  base::LogInfo("counters file read again", {{"file", options.counters_file}});
  UseCounters(std::make_shared<const Counters>(*std::move(loaded)));
}

void GpuService::Shared::LookAtPauseFile() {
  const FileStamp stamp = StampOf(options.pause_file);
  if (stamp == pause_stamp) return;
  pause_stamp = stamp;
  PauseRequest request;
  if (stamp.size >= 0) {
    const auto text = base::ReadFile(options.pause_file, kMaxPauseFileBytes);
    auto parsed = text ? ParsePauseFile(*text) : base::Fail(text.error());
    if (parsed) request = *parsed;
    if (!parsed) {
      base::LogError("pause file makes no sense: write a duration like 10m into it",
                     {{"file", options.pause_file}, {"err", parsed.error()}});
    }
  }
  // It counts from when the file was written, so that a forgotten one ends by itself.
  const auto age = milliseconds(clock.NowMs() - stamp.ns / 1'000'000);
  const std::lock_guard lock(mutex);
  file_pause_until = Steady::now() + (request.duration - std::max(age, milliseconds(0)));
  file_release = request.release;
}

PauseRequest GpuService::Shared::PauseNow() {
  const std::lock_guard lock(mutex);
  const auto now = Steady::now();
  const bool by_request = now < pause_until;
  const bool by_file = now < file_pause_until;
  return {milliseconds(by_request || by_file ? 1 : 0),
          (by_request && pause_release) || (by_file && file_release)};
}

void GpuService::Shared::LookAtFiles() {
  if (!options.counters_file.empty()) LookAtCounters();
  if (!options.pause_file.empty()) LookAtPauseFile();
  const PauseRequest pause = PauseNow();
  reader.SetPause(pause.duration.count() > 0, pause.release);
}

void GpuService::Shared::Work() {
  std::unique_lock lock(mutex);
  while (!stopping) {
    const auto wanted = [&] { return stopping || asked; };
    if (!reader.closing()) changed.wait(lock, wanted);
    if (reader.closing()) changed.wait_for(lock, kClosingPause, wanted);
    if (stopping) break;
    asked = false;
    busy = true;
    busy_since = Steady::now();
    lock.unlock();
    // The one that nobody looks at any more.
    if (spare == nullptr || spare.use_count() > 1) spare = std::make_shared<GpuSnapshot>();
    try {
      LookAtFiles();
      reader.Read(*spare);
    } catch (const std::exception& error) {
      base::LogError("GPUs cannot be read", {{"err", error.what()}});
    }
    lock.lock();
    std::swap(latest, spare);
    busy = false;
    read_at = Steady::now();
    ++reads;
    changed.notify_all();
  }
  ended = true;
  changed.notify_all();
}

Result<std::unique_ptr<GpuService>> GpuService::Start(GpuServiceOptions options,
                                                      const base::Clock& clock) {
  auto counters = std::make_shared<const Counters>(DefaultCounters());
  if (!options.counters_file.empty()) {
    counters = std::make_shared<const Counters>(
        TRY_CONTEXT(LoadCounters(options.counters_file), "counters file"));
    LogProblems(options.counters_file, *counters);
  }
  auto shared = std::make_shared<Shared>(std::move(options), clock);
  shared->counters_stamp = StampOf(shared->options.counters_file);
  shared->UseCounters(std::move(counters));
  try {
    std::thread([shared] {
      // Declared here so that it ends with the thread, also with one that hung for long.
      std::unique_ptr<KernelLogWatch> kernel_log;
      if (!shared->options.kernel_log.empty()) {
        kernel_log = std::make_unique<KernelLogWatch>(shared->options.kernel_log, shared->xids,
                                                      shared->clock);
      }
      shared->Work();
    }).detach();
  } catch (const std::system_error& error) {
    return base::Fail(base::ErrorCode::kIo, error.what());
  }
  return std::unique_ptr<GpuService>(new GpuService(std::move(shared)));
}

GpuService::~GpuService() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kStopPatience, [&] { return shared_->ended; });
}

GpuService::Answer GpuService::Get(std::chrono::nanoseconds wait) {
  Shared& s = *shared_;
  std::unique_lock lock(s.mutex);
  const auto start = Steady::now();
  const bool young =
      s.latest != nullptr && start - s.read_at < milliseconds(s.options.min_interval_ms);
  const uint64_t before = s.reads;
  if (!young) {
    if (!s.busy) s.asked = true;  // a reading under way will do
    s.changed.notify_all();
    const bool hung = s.busy && start - s.busy_since > wait;
    if (!hung) s.changed.wait_for(lock, wait, [&] { return s.reads != before || s.stopping; });
  }
  Answer answer;
  const auto now = Steady::now();
  if (s.busy && now - s.busy_since >= wait) answer.stuck_seconds = Seconds(now - s.busy_since);
  if (s.latest != nullptr && now - s.read_at < kOldest) {
    answer.snapshot = s.latest;
    answer.age_seconds = Seconds(now - s.read_at);
  }
  return answer;
}

std::shared_ptr<const Counters> GpuService::counters() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->counters;
}

const XidLog& GpuService::xids() const { return *shared_->xids; }

Result<void> GpuService::Pause(milliseconds duration, bool release) {
  if (duration <= milliseconds(0) || duration > kLongestPause) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      "a pause is longer than nothing and at most 4h");
  }
  const std::lock_guard lock(shared_->mutex);
  shared_->pause_until = Steady::now() + duration;
  shared_->pause_release = release;
  shared_->read_at = {};
  shared_->asked = true;
  shared_->changed.notify_all();
  return {};
}

void GpuService::Resume() {
  const std::lock_guard lock(shared_->mutex);
  shared_->pause_until = {};
  shared_->read_at = {};
  shared_->asked = true;
  shared_->changed.notify_all();
}

}  // namespace slurmscope::agent::gpu
