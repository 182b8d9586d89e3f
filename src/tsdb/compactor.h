#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "tsdb/block_set.h"
#include "tsdb/db.h"
#include "tsdb/deletion.h"
#include "tsdb/head.h"
#include "tsdb/head_block.h"
#include "tsdb/wal.h"
#include "tsdb/wbl.h"

namespace slurmscope::tsdb {

// Moves what is old enough from the head into blocks, shortens the log, merges blocks and deletes
// those beyond retention. A crash at any point leaves a directory with all samples. Thread-safe;
// what it is given must outlive it.
class Compactor {
 public:
  Compactor(const DbOptions& options, const base::Clock& clock, Head& head, BlockSet& blocks,
            Wal& wal, Wbl& wbl)
      : options_(options), clock_(clock), head_(head), blocks_(blocks), wal_(wal), wbl_(wbl) {}

  // Does all that there is to do. `stop` is asked between steps and while waiting for readers. An
  // error is one of the head or the log; a merge that fails is counted and not tried again.
  base::Result<void> Run(const std::function<bool()>& stop);

  // See Db.
  base::Result<void> Delete(const Deletion& deletion);
  base::Result<void> CleanTombstones(const std::function<bool()>& stop);
  base::Result<void> Snapshot(const std::string& directory, bool with_head);

  void FillStats(StorageStats* stats) const;
  uint64_t failures() const {
    return failed_.load(std::memory_order_relaxed) +
           checkpoints_failed_.load(std::memory_order_relaxed);
  }
  // By how much the log has shrunk since the start.
  int64_t log_bytes_freed() const { return log_bytes_freed_.load(std::memory_order_relaxed); }

 private:
  bool HeadIsLong() const;
  base::Result<bool> CompactHead(const std::function<bool()>& stop);
  base::Result<bool> WriteBlock(HeadPart part, int64_t start, int64_t end);
  base::Result<void> CompactOoo(const std::function<bool()>& stop);
  base::Result<void> WriteFrozen(const std::function<bool()>& stop);
  bool TruncateHead(int64_t end, const std::function<bool()>& stop);
  base::Result<void> TruncateWal();
  void MergeAll(const std::function<bool()>& stop);
  base::Result<void> Merge(const BlockList& group);
  base::Result<void> CheckSpace(const BlockList& group) const;
  base::Result<void> ApplyRetention();
  bool Drain(const std::function<bool()>& stop);

  const DbOptions& options_;
  const base::Clock& clock_;
  Head& head_;
  BlockSet& blocks_;
  Wal& wal_;
  Wbl& wbl_;
  std::mutex mutex_;  // one run at a time; of all below but the atomics
  std::mutex removed_mutex_;
  // The log's refs of series that are gone, with the last segment that may name them.
  std::unordered_map<uint64_t, uint64_t> removed_;
  int64_t truncated_to_ = std::numeric_limits<int64_t>::min();
  // How far the frozen samples out of order are: the ranges that are in blocks, the segment of
  // their log that begins behind them, and whether they wait for readers only.
  std::set<int64_t> ooo_ranges_done_;
  uint64_t ooo_segment_ = 0;
  std::atomic<bool> ooo_written_ = false;

  std::atomic<uint64_t> compactions_ = 0;
  std::atomic<uint64_t> failed_ = 0;
  std::atomic<uint64_t> truncations_ = 0;
  std::atomic<uint64_t> checkpoints_ = 0;
  std::atomic<uint64_t> checkpoints_failed_ = 0;
  std::atomic<uint64_t> wbl_truncations_ = 0;
  std::atomic<uint64_t> wbl_truncations_failed_ = 0;
  std::atomic<uint64_t> vertical_ = 0;
  std::atomic<uint64_t> time_retentions_ = 0;
  std::atomic<uint64_t> size_retentions_ = 0;
  std::atomic<uint64_t> reloads_ = 0;
  std::atomic<uint64_t> reloads_failed_ = 0;
  std::atomic<int64_t> log_bytes_freed_ = 0;
};

}  // namespace slurmscope::tsdb
