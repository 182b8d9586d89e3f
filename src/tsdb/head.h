#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "model/appender.h"
#include "model/labels.h"
#include "tsdb/db.h"
#include "tsdb/label_index.h"
#include "tsdb/series.h"

namespace slurmscope::tsdb {

// The series in memory. Thread-safe.
//
// Locks: mutex() guards the label index and the table of label sets; each series
// guards its samples by itself. A series is never removed, so a pointer to one stays good.
class Head {
 public:
  struct Handle {
    SeriesId id = 0;
    Series* series = nullptr;
  };

  // The series of a ref given out before: id + 1.
  Series* Find(model::SeriesRef ref) {
    return ref - 1 < series_count_.load(std::memory_order_acquire) ? &series_[ref - 1] : nullptr;
  }
  // Finds the series with these labels or makes it, not yet published, under `wal_ref` (0: the next
  // free one). nullopt when the head cannot hold another series.
  std::optional<Handle> GetOrCreate(const model::Labels& labels, uint64_t wal_ref = 0);
  // Keeps new series from taking `wal_ref` or one below it.
  void ReserveWalRef(uint64_t wal_ref);
  // Lets queries see these series.
  void Publish(const std::vector<SeriesId>& ids);
  void PublishAll();

  Series& series(SeriesId id) { return series_[id]; }
  const Series& series(SeriesId id) const { return series_[id]; }
  model::Labels LabelsOf(SeriesId id) const { return index_.LabelsOf(series_[id].labels()); }

  // For readers of the index, with mutex() held shared.
  std::shared_mutex& mutex() const { return mutex_; }
  const LabelIndex& index() const { return index_; }
  std::vector<SeriesId> AllSeries() const;

  // Samples taken, with their smallest and largest time and the chunks begun.
  void Count(uint64_t samples, uint64_t chunks, int64_t mint, int64_t maxt);
  // kNoTime when there are none.
  int64_t max_time() const { return max_time_.load(std::memory_order_relaxed); }
  bool Overlaps(int64_t mint, int64_t maxt) const;
  uint32_t NextBatch() { return next_batch_.fetch_add(1, std::memory_order_relaxed); }

  // The part of the statistics that is the head's.
  void FillStats(HeadStats* stats) const;
  CardinalityStats Cardinality(size_t limit) const;
  void CountRefused(model::AppendStatus status);

 private:
  std::optional<SeriesId> FindLocked(uint64_t hash, const model::Labels& labels) const;
  void PublishLocked(SeriesId id);

  mutable std::shared_mutex mutex_;
  LabelIndex index_;
  IdTable by_labels_;
  StableArray<Series, 8192> series_;
  uint64_t next_wal_ref_ = 1;
  std::atomic<uint32_t> series_count_ = 0;
  std::atomic<uint64_t> published_ = 0;

  std::atomic<uint32_t> next_batch_ = 1;
  std::atomic<int64_t> min_time_ = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> max_time_ = kNoTime;
  std::atomic<uint64_t> samples_ = 0;
  std::atomic<uint64_t> chunks_ = 0;
  std::atomic<uint64_t> out_of_order_ = 0;
  std::atomic<uint64_t> duplicates_ = 0;
  std::atomic<uint64_t> out_of_bounds_ = 0;
};

}  // namespace slurmscope::tsdb
