#include "tsdb/head_tombstones.h"

#include <mutex>

namespace slurmscope::tsdb {

void HeadTombstones::Add(SeriesId id, TimeInterval interval) {
  std::unique_lock lock(mutex_);
  AddInterval(interval, &intervals_[id]);
  any_.store(true, std::memory_order_release);
}

Intervals HeadTombstones::Of(SeriesId id) const {
  if (!any_.load(std::memory_order_acquire)) return {};
  std::shared_lock lock(mutex_);
  auto it = intervals_.find(id);
  return it == intervals_.end() ? Intervals() : it->second;
}

void HeadTombstones::Truncate(int64_t mint) {
  std::unique_lock lock(mutex_);
  for (auto it = intervals_.begin(); it != intervals_.end();) {
    std::erase_if(it->second, [mint](const TimeInterval& range) { return range.maxt < mint; });
    it = it->second.empty() ? intervals_.erase(it) : std::next(it);
  }
  any_.store(!intervals_.empty(), std::memory_order_release);
}

void HeadTombstones::Forget(const std::vector<SeriesId>& ids) {
  if (!any_.load(std::memory_order_acquire)) return;
  std::unique_lock lock(mutex_);
  for (SeriesId id : ids) intervals_.erase(id);
  any_.store(!intervals_.empty(), std::memory_order_release);
}

}  // namespace slurmscope::tsdb
