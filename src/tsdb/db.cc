#include "tsdb/db.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/head.h"
#include "tsdb/head_appender.h"
#include "tsdb/head_querier.h"
#include "tsdb/replay.h"
#include "tsdb/wal.h"

namespace slurmscope::tsdb {
namespace {

constexpr size_t kUlidLength = 26;

// Blocks and out-of-order logs that a Prometheus left stay as they are; queries do not see them.
void WarnOfUnreadData(const std::vector<std::string>& names) {
  uint64_t blocks = 0;
  for (const std::string& name : names) {
    if (name == "wbl") base::LogWarn("out-of-order samples in wbl/ are not read");
    if (name.size() == kUlidLength && name.starts_with("01")) ++blocks;
  }
  if (blocks > 0)
    base::LogWarn("blocks of an earlier Prometheus are not read", {{"blocks", blocks}});
}

}  // namespace

struct Db::State {
  ~State();
  base::Result<void> Sync();
  void SyncLoop();

  DbOptions options;
  std::optional<base::DirectoryLock> lock;
  Head head;
  std::unique_ptr<Wal> wal;
  ReplayResult replay;
  std::atomic<bool> writable{true};
  std::atomic<uint64_t> sync_failures{0};

  std::mutex stop_mutex;
  std::condition_variable stop_changed;
  bool stopping = false;
  std::thread sync_thread;
};

Db::State::~State() {
  {
    std::lock_guard guard(stop_mutex);
    stopping = true;
  }
  stop_changed.notify_all();
  if (sync_thread.joinable()) sync_thread.join();
}

base::Result<void> Db::State::Sync() {
  auto result = wal->Sync();
  if (result) return result;
  if (sync_failures.fetch_add(1, std::memory_order_relaxed) == 0) {
    base::LogError("the write-ahead log could not be synced", {{"error", result.error()}});
  }
  return result;
}

void Db::State::SyncLoop() {
  std::chrono::milliseconds interval(std::max<int64_t>(options.wal_sync_interval_ms, 1));
  std::unique_lock guard(stop_mutex);
  while (!stop_changed.wait_for(guard, interval, [&] { return stopping; })) {
    guard.unlock();
    (void)Sync();
    guard.lock();
  }
}

Result<std::unique_ptr<Db>> Db::Open(DbOptions options, const base::Clock& clock) {
  int64_t started = clock.SteadyNs();
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  const std::string& path = state->options.path;
  std::string wal_path = path + "/wal";
  TRY_CONTEXT(base::MakeDirectories(path), "data directory");
  if (state->options.lock) {
    state->lock.emplace(TRY_CONTEXT(base::DirectoryLock::Acquire(path), "data directory"));
  }
  TRY_CONTEXT(base::MakeDirectories(wal_path), "data directory");
  if (::access(wal_path.c_str(), W_OK) != 0) return base::FailErrno(wal_path, errno);
  WarnOfUnreadData(TRY(base::ListDirectory(path)));
  state->replay = TRY(Replay(wal_path, state->head));
  state->wal =
      TRY(Wal::Open(wal_path, state->replay.next_segment, state->options.wal_segment_bytes));
  ReplayReport& report = state->replay.report;
  report.seconds = static_cast<double>(clock.SteadyNs() - started) / 1e9;
  base::LogInfo("write-ahead log read", {{"segments", report.segments},
                                         {"series", report.series},
                                         {"samples", report.samples},
                                         {"seconds", report.seconds}});
  state->sync_thread = std::thread([raw = state.get()] { raw->SyncLoop(); });
  return std::unique_ptr<Db>(new Db(std::move(state)));
}

Db::Db(std::unique_ptr<State> state) : state_(std::move(state)) {}
Db::~Db() = default;

std::unique_ptr<model::Appender> Db::NewAppender() {
  return std::make_unique<HeadAppender>(state_->head, *state_->wal, state_->options.wal_compression,
                                        state_->writable);
}

Result<std::unique_ptr<model::Querier>> Db::NewQuerier(int64_t mint, int64_t maxt) {
  return NewHeadQuerier(state_->head, mint, maxt);
}

HeadStats Db::head_stats() const {
  HeadStats stats;
  const ReplayResult& replay = state_->replay;
  state_->head.FillStats(&stats);
  stats.samples_appended -= replay.report.samples;
  stats.series_created -= replay.report.series;
  stats.wal_bytes = replay.wal_bytes + state_->wal->written_bytes();
  stats.wal_segment = state_->wal->segment();
  stats.wal_corruptions = replay.report.corruption.empty() ? 0 : 1;
  stats.wal_sync_failures = state_->sync_failures.load(std::memory_order_relaxed);
  stats.writable = state_->writable.load(std::memory_order_relaxed);
  return stats;
}

CardinalityStats Db::cardinality(size_t limit) const { return state_->head.Cardinality(limit); }

const ReplayReport& Db::replay() const { return state_->replay.report; }

Result<void> Db::Sync() { return state_->Sync(); }

}  // namespace slurmscope::tsdb
