#pragma once

#include <atomic>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "tsdb/label_index.h"
#include "tsdb/tombstones.h"

namespace slurmscope::tsdb {

// What was deleted of series in memory: their samples stay, and readers leave those out. Costs one
// load while nothing is deleted. Thread-safe.
class HeadTombstones {
 public:
  void Add(SeriesId id, TimeInterval interval);
  // Empty when nothing was deleted of the series.
  Intervals Of(SeriesId id) const;
  void RemoveFrom(SeriesId id, model::Columns* columns) const {
    if (any_.load(std::memory_order_acquire)) RemoveIntervals(Of(id), columns);
  }

  // Forgets what ended before `mint`, and series whose places are given away.
  void Truncate(int64_t mint);
  void Forget(const std::vector<SeriesId>& ids);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<SeriesId, Intervals> intervals_;
  std::atomic<bool> any_ = false;
};

}  // namespace slurmscope::tsdb
