#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/appender.h"
#include "model/querier.h"

namespace slurmscope::tsdb {

using base::Result;

enum class WalCompression { kNone, kSnappy };

struct DbOptions {
  std::string path;  // made when missing
  uint64_t wal_segment_bytes = 128 << 20;
  WalCompression wal_compression = WalCompression::kSnappy;
  // How long an acknowledged sample may wait for fsync. Commit hands the record to the kernel at
  // once (it survives kill -9); power loss costs at most this much.
  int64_t wal_sync_interval_ms = 5'000;
  bool lock = true;  // false: --storage.tsdb.no-lockfile
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
  uint64_t samples_appended = 0;  // since start
  uint64_t series_created = 0;
  uint64_t out_of_order = 0;
  uint64_t duplicates = 0;
  uint64_t out_of_bounds = 0;
  uint64_t wal_bytes = 0;    // on disk
  uint64_t wal_segment = 0;  // being written
  uint64_t wal_corruptions = 0;
  uint64_t wal_sync_failures = 0;
  bool writable = true;  // false after a write failed; see docs/operations.md
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
  uint64_t samples = 0;
  uint64_t series = 0;
  uint64_t unknown_series_samples = 0;  // samples whose series record is missing
  // Records of known types that are not applied yet (tombstones, exemplars, histograms...), by
  // type.
  std::array<uint64_t, 11> skipped_records{};
  uint64_t dropped_bytes = 0;  // after the first bad record, cut off
  std::string corruption;      // what was wrong and where; empty when nothing was
  double seconds = 0;
};

// A data directory in Prometheus' format: the head in memory and its write-ahead log. Thread-safe.
class Db final : public model::Appendable, public model::Queryable {
 public:
  // Locks the directory and replays the log. A torn or corrupt tail is cut off and reported, never
  // an error; unreadable files, a full disk or a foreign lock are.
  static Result<std::unique_ptr<Db>> Open(DbOptions options,
                                          const base::Clock& clock = base::SystemClock());
  // Syncs the log and lets go of the directory.
  ~Db() override;

  std::unique_ptr<model::Appender> NewAppender() override;
  Result<std::unique_ptr<model::Querier>> NewQuerier(int64_t mint, int64_t maxt) override;

  HeadStats head_stats() const;
  CardinalityStats cardinality(size_t limit) const;
  const ReplayReport& replay() const;
  // fsyncs what was committed so far.
  Result<void> Sync();

 private:
  struct State;
  explicit Db(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace slurmscope::tsdb
