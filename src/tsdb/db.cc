#include "tsdb/db.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/block_set.h"
#include "tsdb/checkpoint.h"
#include "tsdb/compactor.h"
#include "tsdb/head.h"
#include "tsdb/head_appender.h"
#include "tsdb/health.h"
#include "tsdb/merged_querier.h"
#include "tsdb/replay.h"
#include "tsdb/wal.h"
#include "tsdb/wal_tail.h"

namespace slurmscope::tsdb {
namespace {

// More than what is left over on a disk that is as good as full.
constexpr size_t kProbeBytes = 1 << 20;
constexpr int64_t kMaxBlockMs = int64_t{31} * 24 * 3600 * 1000;

void SetDefaults(DbOptions& options) {
  options.min_block_ms = std::max<int64_t>(options.min_block_ms, 1000);
  if (options.max_block_ms == 0) {
    options.max_block_ms =
        options.retention_ms > 0 ? std::min(options.retention_ms / 10, kMaxBlockMs) : kMaxBlockMs;
  }
  options.max_block_ms = std::max(options.max_block_ms, options.min_block_ms);
}

// The file of the lock holds the process' number as long as it runs.
bool LeftClean(const std::string& path) {
  auto left = base::ReadFile(path + "/lock", 64);
  return !left || left->empty();
}

// Only to be called by the holder of the lock.
void MarkClean(const std::string& path) {
  auto file = base::File::Open(path + "/lock", O_WRONLY);
  if (file) (void)file->Truncate(0);
}

}  // namespace

struct Db::State {
  State(DbOptions given, const base::Clock& its_clock)
      : options(std::move(given)),
        clock(its_clock),
        blocks(options.path),
        head(options.min_block_ms, options.ooo_chunk_samples) {
    head.SetOooWindow(options.ooo_window_ms);
  }
  ~State();
  base::Result<void> Sync();
  void Probe();
  void WriteChunks() { health.NoteChunks(head.WriteFullChunks()); }
  // Calls `work` each `interval_ms` until the end.
  void Repeat(int64_t interval_ms, const std::function<void()>& work);
  base::Result<void> Compact() {
    WriteChunks();
    return compactor->Run([this] { return stop_requested.load(std::memory_order_relaxed); });
  }
  void CompactInBackground();

  DbOptions options;
  const base::Clock& clock;
  std::optional<base::DirectoryLock> lock;
  int clean_start = -1;  // see StorageStats
  BlockSet blocks;
  Head head;
  std::unique_ptr<Wal> wal;
  std::unique_ptr<Wbl> wbl;
  std::unique_ptr<Compactor> compactor;
  ReplayResult replay;
  Health health;
  base::DurationSummary wal_syncs;

  std::mutex stop_mutex;
  std::condition_variable stop_changed;
  bool stopping = false;
  std::atomic<bool> stop_requested{false};
  int64_t compaction_pause_ms = 0;  // both of the compaction thread
  int64_t compact_not_before_ns = 0;
  std::thread sync_thread;
  std::thread compaction_thread;
  std::thread chunk_thread;
};

Db::State::~State() {
  {
    std::lock_guard guard(stop_mutex);
    stopping = stop_requested = true;
  }
  stop_changed.notify_all();
  if (sync_thread.joinable()) sync_thread.join();
  if (compaction_thread.joinable()) compaction_thread.join();
  if (chunk_thread.joinable()) chunk_thread.join();
  if (!compactor) return;  // it never opened
  WriteChunks();
  if (lock) MarkClean(options.path);
}

base::Result<void> Db::State::Sync() {
  const int64_t begin_ns = clock.SteadyNs();
  auto result = wal->Sync();
  const int64_t end_ns = clock.SteadyNs();
  wal_syncs.Observe(static_cast<double>(end_ns - begin_ns) / 1e9, end_ns);
  if (result) result = wbl->Sync();
  health.NoteSync(result);
  return result;
}

// With no samples to try it with, the disk is tried.
void Db::State::Probe() {
  std::string path = options.path + "/wal/space-probe";
  auto written = base::WriteFileAtomic(path, std::string(kProbeBytes, '\0'));
  (void)base::RemoveFile(path + ".tmp");
  auto removed = base::RemoveFile(path);
  if (written && removed) health.NoteWrite({});
}

void Db::State::Repeat(int64_t interval_ms, const std::function<void()>& work) {
  std::chrono::milliseconds interval(std::max<int64_t>(interval_ms, 1));
  std::unique_lock guard(stop_mutex);
  while (!stop_changed.wait_for(guard, interval, [&] { return stopping; })) {
    guard.unlock();
    work();
    guard.lock();
  }
}

// After each failure the pause is twice as long, so that a disk that is full is not kept busy.
void Db::State::CompactInBackground() {
  int64_t now = clock.SteadyNs();
  if (now < compact_not_before_ns) return;
  uint64_t failed_before = compactor->failures();
  auto done = Compact();
  if (!done) base::LogError("compaction failed", {{"error", done.error()}});
  if (compactor->failures() == failed_before) {
    compaction_pause_ms = 0;
    return;
  }
  compaction_pause_ms =
      std::clamp(compaction_pause_ms * 2, options.compaction_interval_ms * 2,
                 std::max(options.compaction_max_pause_ms, options.compaction_interval_ms * 2));
  compact_not_before_ns = clock.SteadyNs() + compaction_pause_ms * 1'000'000;
}

Result<std::unique_ptr<Db>> Db::Open(DbOptions options, const base::Clock& clock) {
  int64_t started = clock.SteadyNs();
  SetDefaults(options);
  auto state = std::make_unique<State>(std::move(options), clock);
  const std::string& path = state->options.path;
  std::string wal_path = path + "/wal";
  TRY_CONTEXT(base::MakeDirectories(path), "data directory");
  if (state->options.lock) {
    state->clean_start = LeftClean(path) ? 1 : 0;
    state->lock.emplace(TRY_CONTEXT(base::DirectoryLock::Acquire(path), "data directory"));
  }
  TRY_CONTEXT(base::MakeDirectories(wal_path), "data directory");
  if (::access(wal_path.c_str(), W_OK) != 0) return base::FailErrno(wal_path, errno);
  TRY_CONTEXT(state->blocks.Load(), "data directory");
  state->head.RaiseMinValid(state->blocks.in_order_end());
  if (state->options.max_exemplars > 0) state->head.KeepExemplars(state->options.max_exemplars);
  if (state->options.metadata_records) state->head.KeepMetadata();
  TRY(RemoveUnfinishedCheckpoints(wal_path));
  const std::atomic<bool>& stop =
      state->options.stop_opening != nullptr ? *state->options.stop_opening : state->stop_requested;
  state->replay = TRY(Replay(path, state->head, stop,
                             {.head_chunk_file_bytes = state->options.head_chunk_file_bytes,
                              .progress = state->options.progress}));
  state->head.ooo().KeepChunkFiles(state->head.chunk_files());
  TRY(ReplayWbl(path, state->head, stop, DamageAction::kRepair, &state->replay));
  state->replay.refs = {};
  state->wal =
      TRY(Wal::Open(wal_path, state->replay.next_segment, state->options.wal_segment_bytes));
  state->wbl = std::make_unique<Wbl>(path + "/wbl", state->replay.next_wbl_segment,
                                     state->options.wal_segment_bytes, state->head.ooo());
  ReplayReport& report = state->replay.report;
  report.seconds = static_cast<double>(clock.SteadyNs() - started) / 1e9;
  base::LogInfo("write-ahead log read", {{"segments", report.segments},
                                         {"series", report.series},
                                         {"samples", report.samples},
                                         {"head_chunks", report.head_chunks},
                                         {"out_of_order", report.ooo_samples},
                                         {"seconds", report.seconds}});
  State* raw = state.get();
  raw->compactor = std::make_unique<Compactor>(raw->options, raw->clock, raw->head, raw->blocks,
                                               *raw->wal, *raw->wbl);
  raw->sync_thread = std::thread([raw] {
    raw->Repeat(raw->options.wal_sync_interval_ms, [raw] {
      (void)raw->Sync();
      if (!raw->health.writable()) raw->Probe();
    });
  });
  if (raw->options.compaction_interval_ms > 0) {
    raw->compaction_thread = std::thread([raw] {
      raw->Repeat(raw->options.compaction_interval_ms, [raw] { raw->CompactInBackground(); });
    });
  }
  if (raw->options.chunk_write_interval_ms > 0) {
    raw->chunk_thread = std::thread([raw] {
      raw->Repeat(raw->options.chunk_write_interval_ms, [raw] { raw->WriteChunks(); });
    });
  }
  return std::unique_ptr<Db>(new Db(std::move(state)));
}

Db::Db(std::unique_ptr<State> state) : state_(std::move(state)) {}
Db::~Db() = default;

std::unique_ptr<model::Appender> Db::NewAppender() {
  return std::make_unique<HeadAppender>(state_->head, *state_->wal, *state_->wbl,
                                        state_->options.wal_compression, state_->health);
}

Result<std::unique_ptr<model::Querier>> Db::NewQuerier(int64_t mint, int64_t maxt) {
  // The pass first: samples that leave the head after it are in the blocks that are seen next.
  auto pass = std::make_shared<Grace::Pass>(state_->head.grace().Enter());
  auto list = state_->blocks.blocks();
  return NewStorageQuerier(*list, state_->head, std::move(pass), mint, maxt);
}

void Db::SetOooWindow(int64_t window_ms) { state_->head.SetOooWindow(window_ms); }

const ExemplarStore* Db::exemplars() const { return state_->head.exemplars(); }

std::optional<model::Metadata> Db::MetadataOf(const model::Labels& labels) const {
  const Head& head = state_->head;
  Grace::Pass pass = head.grace().Enter();
  auto id = head.FindSeries(labels);
  if (head.metadata() == nullptr || !id) return std::nullopt;
  return head.metadata()->Get(head.series(*id).wal_ref());
}

HeadStats Db::head_stats() const {
  HeadStats stats;
  const ReplayResult& replay = state_->replay;
  state_->head.FillStats(&stats);
  const ReplayReport& report = replay.report;
  stats.samples_appended -= report.samples + report.ooo_samples;
  stats.histograms_appended -= report.histograms + report.ooo_histograms;
  stats.ooo_samples -= report.ooo_samples;
  stats.ooo_histograms -= report.ooo_histograms;
  stats.wbl_bytes = state_->wbl->bytes();
  stats.wbl_segment = state_->wbl->segment();
  stats.series_created -= replay.report.series;
  int64_t wal_bytes = static_cast<int64_t>(replay.wal_bytes + state_->wal->written_bytes()) -
                      state_->compactor->log_bytes_freed();
  stats.wal_bytes = static_cast<uint64_t>(std::max<int64_t>(wal_bytes, 0));
  stats.wal_segment = state_->wal->segment();
  stats.wal_corruptions = replay.report.corruption.empty() ? 0 : 1;
  stats.head_chunk_bytes = state_->head.chunk_files()->bytes();
  stats.head_chunk_corruptions = replay.report.head_chunk_damage.empty() ? 0 : 1;
  stats.wal_sync_failures = state_->health.sync_failures();
  stats.write_failures = state_->health.write_failures();
  stats.writable = state_->health.writable();
  return stats;
}

base::DurationSummary::Values Db::wal_syncs(const std::vector<double>& ranks) const {
  return state_->wal_syncs.Read(ranks, state_->clock.SteadyNs());
}

StorageStats Db::storage_stats() const {
  StorageStats stats;
  state_->compactor->FillStats(&stats);
  stats.clean_start = state_->clean_start;
  stats.blocks = state_->blocks.blocks()->size();
  stats.block_bytes = state_->blocks.bytes();
  stats.unreadable = state_->blocks.unreadable();
  stats.lowest_time =
      std::min({state_->blocks.min_time(), state_->head.min_time(), state_->head.ooo().min_time()});
  return stats;
}

std::unique_ptr<model::SampleLog> Db::FollowLog(std::optional<model::LogPosition> from) const {
  const Wal& wal = *state_->wal;
  return std::make_unique<WalTail>(
      wal.directory(), [&wal] { return wal.end(); }, from);
}

Result<void> Db::Compact() { return state_->Compact(); }

Result<void> Db::Snapshot(const std::string& directory, bool with_head) {
  return state_->compactor->Snapshot(directory, with_head);
}

Result<void> Db::Delete(int64_t mint, int64_t maxt, const std::vector<model::Matcher>& matchers) {
  // As in Prometheus, {} names no series when it comes to deleting.
  if (matchers.empty()) return {};
  return state_->compactor->Delete({mint, maxt, matchers});
}

Result<void> Db::CleanTombstones() {
  return state_->compactor->CleanTombstones(
      [this] { return state_->stop_requested.load(std::memory_order_relaxed); });
}

std::vector<BlockMeta> Db::blocks() const {
  std::vector<BlockMeta> metas;
  for (const BlockPtr& block : *state_->blocks.blocks()) metas.push_back(block->meta());
  return metas;
}

CardinalityStats Db::cardinality(size_t limit) const { return state_->head.Cardinality(limit); }

const ReplayReport& Db::replay() const { return state_->replay.report; }

Result<void> Db::Sync() { return state_->Sync(); }

std::string Db::problem() const { return state_->health.problem(); }

}  // namespace slurmscope::tsdb
