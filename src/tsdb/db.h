#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/duration_summary.h"
#include "base/result.h"
#include "model/appender.h"
#include "model/matcher.h"
#include "model/querier.h"
#include "model/sample_log.h"
#include "tsdb/wal_format.h"

namespace slurmscope::tsdb {

using base::Result;

// How far the start has come in the log, by the numbers of its segments. Thread-safe.
struct ReplayProgress {
  std::atomic<uint64_t> first = 0;
  std::atomic<uint64_t> last = 0;
  std::atomic<uint64_t> current = 0;
};

struct DbOptions {
  std::string path;  // made when missing
  uint64_t wal_segment_bytes = 128 << 20;
  WalCompression wal_compression = WalCompression::kSnappy;
  // How long an acknowledged sample may wait for fsync. Commit hands the record to the kernel at
  // once (it survives kill -9); power loss costs at most this much.
  int64_t wal_sync_interval_ms = 5'000;
  bool lock = true;  // false: --storage.tsdb.no-lockfile
  // How many exemplars to keep; none: they are not taken.
  uint64_t max_exemplars = 0;
  // Whether the log is told what is known of the series' metrics.
  bool metadata_records = false;

  // Blocks older than this, by the newest one's end, are deleted; and the oldest ones while log,
  // head chunks and blocks are larger than this. 0: no limit.
  int64_t retention_ms = 0;
  uint64_t retention_bytes = 0;
  int64_t min_block_ms = 2 * 3600 * 1000;
  int64_t max_block_ms = 0;  // 0: a tenth of the retention, at most 31 days
  // By how much samples may be older than the newest one of all and yet be taken when their series
  // has newer ones already; 0: they are refused. Such samples go to `wbl/`, and after the head's
  // next block into blocks of their own, which are then merged with the others.
  int64_t ooo_window_ms = 0;
  size_t ooo_chunk_samples = 32;  // of a series, before they become a chunk
  // How long, at most, compaction pauses when it fails again and again.
  int64_t compaction_max_pause_ms = 10 * 60 * 1000;
  // How often to look whether blocks are to be written, merged or deleted; 0: only by Compact().
  int64_t compaction_interval_ms = 15'000;
  // How often the full chunks of the head are written to chunks_head; 0: only by Compact() and at
  // the end.
  int64_t chunk_write_interval_ms = 1'000;
  uint64_t head_chunk_file_bytes = 128 << 20;
  // Open() ends soon with kCanceled once this is true.
  const std::atomic<bool>* stop_opening = nullptr;
  // Told while Open() runs; nullptr: not. Must outlive the call.
  ReplayProgress* progress = nullptr;
  // How long compaction waits for running queries before it puts the rest off.
  int64_t reader_wait_ms = 120'000;
};

class ExemplarStore;
struct BlockMeta;

// A block that did not check out: left on disk, not served.
struct UnreadableBlock {
  std::string ulid;
  std::string problem;
};
// The part of the storage that is on disk, and what was done there since the start.
struct StorageStats {
  uint64_t blocks = 0;
  uint64_t block_bytes = 0;
  std::vector<UnreadableBlock> unreadable;
  int64_t lowest_time = 0;  // of blocks and head, ms; INT64_MAX when there is nothing
  uint64_t compactions = 0;
  uint64_t compactions_failed = 0;
  uint64_t head_truncations = 0;
  uint64_t checkpoints = 0;
  uint64_t checkpoints_failed = 0;
  uint64_t wbl_truncations = 0;
  uint64_t wbl_truncations_failed = 0;
  uint64_t vertical_compactions = 0;  // of blocks that overlapped
  uint64_t time_retentions = 0;       // times that blocks were deleted for their age
  uint64_t size_retentions = 0;
  uint64_t reloads = 0;  // times that the directory was looked at
  uint64_t reloads_failed = 0;
  // Whether the run before came to its end (0: not); -1 when the directory is not locked.
  int clean_start = 1;
};

// One row of the top-ten lists of /api/v1/status/tsdb.
struct NamedCount {
  std::string name;
  uint64_t count = 0;
};
struct HeadStats {
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t label_pairs = 0;
  int64_t min_time =
      0;  // of the samples, ms; INT64_MAX / INT64_MIN when there are none, as Prometheus shows them
  int64_t max_time = 0;
  uint64_t samples_appended = 0;     // since start
  uint64_t histograms_appended = 0;  // of them
  uint64_t series_created = 0;
  uint64_t series_removed = 0;
  uint64_t out_of_order = 0;
  uint64_t duplicates = 0;
  uint64_t out_of_bounds = 0;
  uint64_t too_old = 0;                  // older than the window for samples out of order
  uint64_t out_of_order_histograms = 0;  // of out_of_order; the next two likewise
  uint64_t out_of_bounds_histograms = 0;
  uint64_t too_old_histograms = 0;
  uint64_t ooo_samples = 0;     // of samples_appended, came out of order
  uint64_t ooo_histograms = 0;  // of them
  uint64_t wbl_bytes = 0;       // on disk
  uint64_t wbl_segment = 0;     // being written, or to be written next
  uint64_t wal_bytes = 0;       // on disk
  uint64_t wal_segment = 0;     // being written
  uint64_t wal_corruptions = 0;
  uint64_t head_chunk_bytes = 0;        // of chunks_head
  uint64_t head_chunk_corruptions = 0;  // found there at the start
  uint64_t wal_sync_failures = 0;
  bool writable = true;         // false after a write failed; see docs/operations.md
  uint64_t write_failures = 0;  // batches that the log did not take
};
// `limit` rows each, largest first.
struct CardinalityStats {
  std::vector<NamedCount> series_by_metric;
  std::vector<NamedCount> values_by_label;
  std::vector<NamedCount> bytes_by_label;
  std::vector<NamedCount> series_by_pair;  // "name=value"
};

// What the start found in the log.
struct ReplayReport {
  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t samples = 0;     // that were applied
  uint64_t histograms = 0;  // of them
  uint64_t series = 0;
  uint64_t head_chunks = 0;        // full chunks in chunks_head
  uint64_t samples_in_chunks = 0;  // samples of the log that those have
  uint64_t incomplete_series = 0;  // read from the log alone, as their first chunks were missing
  std::string head_chunk_damage;  // as `corruption`, of chunks_head; the log has what is lost there
  uint64_t ooo_samples = 0;       // came out of order, not among `samples`
  uint64_t ooo_histograms = 0;    // of them
  uint64_t unknown_series_samples = 0;  // samples whose series record is missing
  uint64_t invalid_histograms = 0;      // samples that model::Validate() refuses
  // Records of known types that are not applied (tombstones, markers), by type.
  std::array<uint64_t, 11> skipped_records{};
  uint64_t dropped_bytes = 0;  // after the first bad record, cut off
  std::string corruption;      // what was wrong and where; empty when nothing was
  double seconds = 0;
};

// A data directory in Prometheus' format: the head in memory, its write-ahead log, and blocks.
// Thread-safe.
class Db final : public model::Appendable, public model::Queryable {
 public:
  // Locks the directory and replays the logs. A torn or corrupt tail is cut off and reported, never
  // an error; unreadable files, a full disk or a foreign lock are.
  static Result<std::unique_ptr<Db>> Open(DbOptions options,
                                          const base::Clock& clock = base::SystemClock());
  // Syncs the log and lets go of the directory.
  ~Db() override;

  std::unique_ptr<model::Appender> NewAppender() override;
  Result<std::unique_ptr<model::Querier>> NewQuerier(int64_t mint, int64_t maxt) override;

  // See DbOptions::ooo_window_ms; holds for batches that begin later.
  void SetOooWindow(int64_t window_ms);

  // nullptr unless exemplars are kept.
  const ExemplarStore* exemplars() const;
  // What is known of the metric of a series in memory, when that is kept.
  std::optional<model::Metadata> MetadataOf(const model::Labels& labels) const;

  HeadStats head_stats() const;
  StorageStats storage_stats() const;
  // Durations of fsyncs of the write-ahead log, with quantiles of these ranks.
  base::DurationSummary::Values wal_syncs(const std::vector<double>& ranks) const;
  CardinalityStats cardinality(size_t limit) const;
  // Of the blocks that are served, by ascending min_time.
  std::vector<BlockMeta> blocks() const;
  // Writes, merges and deletes blocks as far as there is something to do; also done in the
  // background. Must not be called by a thread that holds a querier.
  Result<void> Compact();
  // Deletes the samples of [mint, maxt] of the series that satisfy all matchers: queries no longer
  // give them when it returns, and neither after power loss. Their space comes free when blocks are
  // merged or by CleanTombstones(). Waits for a compaction that runs. After an error some of them
  // may be deleted. Without matchers nothing is.
  Result<void> Delete(int64_t mint, int64_t maxt, const std::vector<model::Matcher>& matchers);
  // Writes all blocks with deletions anew, without what was deleted.
  Result<void> CleanTombstones();
  // Puts links to all blocks, and with `with_head` a block of what is in memory, into `directory`,
  // which is made.
  Result<void> Snapshot(const std::string& directory, bool with_head);
  // Follows the log from a position, or from now on. The database must outlive it.
  std::unique_ptr<model::SampleLog> FollowLog(std::optional<model::LogPosition> from) const;
  const ReplayReport& replay() const;
  // fsyncs what was committed so far.
  Result<void> Sync();
  // Why the data directory does not take samples as it should, as a sentence; empty when it does.
  std::string problem() const;

 private:
  struct State;
  explicit Db(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::tsdb
