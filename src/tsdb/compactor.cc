#include "tsdb/compactor.h"

#include <algorithm>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/block_merge.h"
#include "tsdb/checkpoint.h"
#include "tsdb/compaction_plan.h"
#include "tsdb/head_block.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr uint64_t kSpareBytes = 16 << 20;

void Count(std::atomic<uint64_t>& counter, uint64_t n = 1) {
  counter.fetch_add(n, std::memory_order_relaxed);
}

// `group` ascends by min_time.
bool Overlap(const BlockList& group) {
  for (size_t i = 1; i < group.size(); ++i) {
    if (group[i]->meta().min_time < group[i - 1]->meta().max_time) return true;
  }
  return false;
}

}  // namespace

bool Compactor::Drain(const std::function<bool()>& stop) {
  return head_.grace().Drain(std::chrono::milliseconds(options_.reader_wait_ms), stop);
}

bool Compactor::HeadIsLong() const {
  int64_t oldest = head_.min_time();
  int64_t newest = head_.max_time();
  if (oldest >= newest) return false;
  uint64_t span = static_cast<uint64_t>(newest) - static_cast<uint64_t>(oldest);
  return span > static_cast<uint64_t>(options_.min_block_ms) / 2 * 3;
}

Result<void> Compactor::Run(const std::function<bool()>& stop) {
  std::lock_guard lock(mutex_);
  Count(reloads_);
  auto reloaded = blocks_.Reload();
  if (!reloaded) Count(reloads_failed_);
  TRY(std::move(reloaded));
  auto head = CompactHead(stop);
  if (!head) Count(failed_);
  // With the head's blocks, as in Prometheus; what an earlier run began is brought to an end.
  bool due = head && (*head || head_.ooo().frozen());
  auto late = due ? CompactOoo(stop) : Result<void>();
  if (!late) Count(failed_);
  MergeAll(stop);
  auto retention = ApplyRetention();
  TRY(std::move(head));
  TRY(std::move(late));
  return retention;
}

// Whether something was taken out of the head.
Result<bool> Compactor::CompactHead(const std::function<bool()>& stop) {
  // What an earlier run left waiting for readers.
  if (!Drain(stop)) return false;
  bool truncated = false;
  while (HeadIsLong() && !stop()) {
    int64_t start = RangeStart(head_.min_time(), options_.min_block_ms);
    int64_t end = start + options_.min_block_ms;
    head_.RaiseMinValid(end);
    // Batches that were checked against the old border.
    head_.grace().Defer([] {});
    if (!Drain(stop)) break;
    TRY_CONTEXT(WriteBlock(HeadPart::kInOrder, start, end), "writing a block of the head");
    truncated = true;
    if (!TruncateHead(end, stop)) break;
  }
  if (truncated) TRY(TruncateWal());
  return truncated;
}

// Whether there was something to write.
Result<bool> Compactor::WriteBlock(HeadPart part, int64_t start, int64_t end) {
  int64_t began = clock_.SteadyNs();
  auto meta = TRY(WriteHeadBlock(head_, part, blocks_.directory(), start, end, clock_.NowMs()));
  if (!meta) return false;
  TRY(blocks_.Replace({meta->ulid}, {}));
  Count(compactions_);
  base::LogInfo("wrote block", {{"block", meta->ulid},
                                {"min_time", meta->min_time},
                                {"max_time", meta->max_time},
                                {"series", meta->stats.series},
                                {"samples", meta->stats.samples},
                                {"out_of_order", part == HeadPart::kFrozen},
                                {"seconds", static_cast<double>(clock_.SteadyNs() - began) / 1e9}});
  return true;
}

// Samples that come meanwhile go to a table and a segment of their own, so that afterwards memory
// and log lose the same ones. A crash in between leaves samples that are in a block and in the log.
Result<void> Compactor::CompactOoo(const std::function<bool()>& stop) {
  if (ooo_written_ || !head_.ooo().any()) return {};
  if (!head_.ooo().frozen()) {
    ooo_ranges_done_.clear();
    ooo_segment_ = TRY_CONTEXT(wbl_.Freeze(), "log of samples out of order");
  }
  TRY_CONTEXT(WriteFrozen(stop), "writing a block of samples out of order");
  if (stop()) return {};
  auto removed = wbl_.RemoveBefore(ooo_segment_);
  Count(removed ? wbl_truncations_ : wbl_truncations_failed_);
  // They stay in memory as long as the log names their series.
  TRY_CONTEXT(std::move(removed), "shortening the log of samples out of order");
  ooo_written_ = true;
  // Queries that do not know the new blocks yet must still find their samples in memory.
  head_.grace().Defer([this] {
    head_.ooo().DropFrozen();
    ooo_written_ = false;
  });
  (void)Drain(stop);
  return {};
}

Result<void> Compactor::WriteFrozen(const std::function<bool()>& stop) {
  Grace::Pass pass = head_.grace().Enter();
  std::set<int64_t> starts = TRY(head_.ooo().FrozenRanges(options_.min_block_ms));
  pass.Leave();
  for (int64_t start : starts) {
    if (stop()) return {};
    if (ooo_ranges_done_.count(start) > 0) continue;
    TRY(WriteBlock(HeadPart::kFrozen, start, start + options_.min_block_ms));
    ooo_ranges_done_.insert(start);
  }
  return {};
}

// Queries that do not know the new block yet must still find its samples in the head.
bool Compactor::TruncateHead(int64_t end, const std::function<bool()>& stop) {
  truncated_to_ = end;
  Count(truncations_);
  head_.grace().Defer([this, end] {
    head_.Truncate(end, [this](const std::vector<uint64_t>& refs) {
      if (head_.metadata() != nullptr) head_.metadata()->Forget(refs);
      std::lock_guard lock(removed_mutex_);
      for (uint64_t ref : refs) removed_[ref] = wal_.segment();
    });
  });
  if (!Drain(stop)) return false;
  if (auto truncated = head_.TruncateChunkFiles(end); !truncated) {
    base::LogWarn("old files of head chunks stay for now", {{"error", truncated.error()}});
  }
  return true;
}

Result<void> Compactor::TruncateWal() {
  TRY(wal_.CutSegment());
  TRY(wal_.Sync());
  CheckpointOptions options;
  options.current_segment = wal_.segment();
  options.mint = truncated_to_;
  options.compression = options_.wal_compression;
  options.keep_series = [this](const SeriesEntry& entry, uint64_t last) {
    {
      std::lock_guard lock(removed_mutex_);
      auto it = removed_.find(entry.ref);
      if (it != removed_.end() && it->second > last) return true;
    }
    return head_.HasLabels(entry.labels);
  };
  auto report = TruncateLog(wal_.directory(), options);
  Count(report ? checkpoints_ : checkpoints_failed_, report && !report->made ? 0 : 1);
  if (!report) return Fail(std::move(report).error().Wrap("checkpoint of the log"));
  if (!report->made) return {};
  log_bytes_freed_.fetch_add(report->bytes_freed, std::memory_order_relaxed);
  std::lock_guard lock(removed_mutex_);
  std::erase_if(removed_, [&](const auto& entry) { return entry.second <= report->last_segment; });
  return {};
}

void Compactor::MergeAll(const std::function<bool()>& stop) {
  std::vector<int64_t> ranges = BlockRanges(options_.min_block_ms, options_.max_block_ms);
  while (!stop()) {
    auto list = blocks_.blocks();
    std::vector<BlockMeta> metas;
    for (const BlockPtr& block : *list) metas.push_back(block->meta());
    std::vector<std::string> names = PlanCompaction(metas, ranges);
    if (names.empty()) return;
    BlockList group;
    for (const BlockPtr& block : *list) {
      bool wanted = std::find(names.begin(), names.end(), block->meta().ulid) != names.end();
      if (wanted) group.push_back(block);
    }
    auto merged = Merge(group);
    Count(merged ? compactions_ : failed_);
    if (merged && Overlap(group)) Count(vertical_);
    if (merged) continue;
    base::LogError("merging blocks failed", {{"error", merged.error()}});
    // One that is damaged has been set aside; the others may still be merged.
    auto bad = [](const BlockPtr& block) { return block->damaged(); };
    if (std::any_of(group.begin(), group.end(), bad)) continue;
    // A full disk is no fault of the blocks: try again at a later run.
    ErrorCode code = merged.error().code();
    if (code != ErrorCode::kCorruption && code != ErrorCode::kUnavailable) return;
    for (const std::string& name : names) {
      if (!blocks_.MarkFailed(name)) return;
    }
  }
}

// The last room on a disk is for samples, which cannot wait as merging can.
Result<void> Compactor::CheckSpace(const BlockList& group) const {
  uint64_t wanted = kSpareBytes;
  for (const BlockPtr& block : group) wanted += block->bytes();
  uint64_t free = TRY(base::FreeBytes(blocks_.directory()));
  if (free >= wanted) return {};
  return Fail(ErrorCode::kResourceExhausted,
              StrCat(blocks_.directory(), ": merging needs ", wanted, " bytes, ", free,
                     " are free: make room or lower the retention"));
}

Result<void> Compactor::Merge(const BlockList& group) {
  int64_t began = clock_.SteadyNs();
  TRY(CheckSpace(group));
  auto meta = TRY(MergeBlocks(group, blocks_.directory(), clock_.NowMs()));
  std::vector<std::string> replaced;
  for (const BlockPtr& block : group) replaced.push_back(block->meta().ulid);
  std::vector<std::string> written;
  if (meta) written.push_back(meta->ulid);
  TRY(blocks_.Replace(written, replaced));
  base::LogInfo("merged blocks",
                {{"blocks", group.size()},
                 {"into", meta ? meta->ulid : std::string("nothing")},
                 {"seconds", static_cast<double>(clock_.SteadyNs() - began) / 1e9}});
  return {};
}

Result<void> Compactor::ApplyRetention() {
  std::vector<SizedBlock> sized;
  auto list = blocks_.blocks();
  for (const BlockPtr& block : *list) {
    sized.push_back({block->meta().ulid, block->meta().max_time, block->bytes()});
  }
  uint64_t log = 0;
  if (options_.retention_bytes > 0) {
    log = LogBytes(wal_.directory()) + wbl_.bytes() + head_.chunk_files()->bytes();
  }
  auto verdict =
      BeyondRetention(std::move(sized), log, {options_.retention_ms, options_.retention_bytes});
  Count(time_retentions_, verdict.by_time.empty() ? 0 : 1);
  Count(size_retentions_, verdict.by_size.empty() ? 0 : 1);
  std::vector<std::string> all = std::move(verdict.by_time);
  all.insert(all.end(), verdict.by_size.begin(), verdict.by_size.end());
  return all.empty() ? Result<void>() : blocks_.Replace({}, all);
}

Result<void> Compactor::Delete(const Deletion& deletion) {
  std::lock_guard lock(mutex_);
  TRY(blocks_.Reload());
  auto list = blocks_.blocks();
  for (const BlockPtr& block : *list) {
    const std::string& ulid = block->meta().ulid;
    std::string directory = StrCat(blocks_.directory(), "/", ulid);
    bool changed = TRY_CONTEXT(DeleteFromBlock(*block, directory, deletion), "block " + ulid);
    if (changed) TRY(blocks_.Reopen(ulid));
  }
  TRY(DeleteFromHead(head_, wal_, options_.wal_compression, deletion));
  TRY(DeleteOoo(head_, wbl_, wal_.max_record_bytes() / 4, options_.wal_compression, deletion));
  auto unreadable = blocks_.unreadable();
  if (unreadable.empty()) return {};
  return Fail(ErrorCode::kUnavailable, StrCat("nothing was deleted from block ", unreadable[0].ulid,
                                              ", which cannot be read: ", unreadable[0].problem));
}

Result<void> Compactor::CleanTombstones(const std::function<bool()>& stop) {
  std::lock_guard lock(mutex_);
  auto list = blocks_.blocks();
  for (const BlockPtr& block : *list) {
    if (block->tombstones().empty()) continue;
    if (stop()) return Fail(ErrorCode::kCanceled, "the server is stopping");
    auto merged = Merge({block});
    Count(merged ? compactions_ : failed_);
    TRY_CONTEXT(std::move(merged), "block " + block->meta().ulid);
  }
  return {};
}

Result<void> Compactor::Snapshot(const std::string& directory, bool with_head) {
  std::lock_guard lock(mutex_);
  TRY(base::MakeDirectories(directory));
  auto list = blocks_.blocks();
  for (const BlockPtr& block : *list) {
    const std::string& ulid = block->meta().ulid;
    TRY(base::LinkTree(StrCat(blocks_.directory(), "/", ulid), StrCat(directory, "/", ulid)));
  }
  int64_t mint = std::min(head_.min_time(), head_.ooo().min_time());
  int64_t maxt = std::max(head_.max_time(), head_.ooo().max_time());
  if (with_head && mint <= maxt) {
    TRY(WriteHeadBlock(head_, HeadPart::kAll, directory, mint, maxt + 1, clock_.NowMs()));
  }
  return base::SyncDirectory(directory);
}

void Compactor::FillStats(StorageStats* stats) const {
  auto get = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  stats->compactions = get(compactions_);
  stats->compactions_failed = get(failed_);
  stats->head_truncations = get(truncations_);
  stats->checkpoints = get(checkpoints_);
  stats->checkpoints_failed = get(checkpoints_failed_);
  stats->wbl_truncations = get(wbl_truncations_);
  stats->wbl_truncations_failed = get(wbl_truncations_failed_);
  stats->vertical_compactions = get(vertical_);
  stats->time_retentions = get(time_retentions_);
  stats->size_retentions = get(size_retentions_);
  stats->reloads = get(reloads_);
  stats->reloads_failed = get(reloads_failed_);
}

}  // namespace slurmscope::tsdb
