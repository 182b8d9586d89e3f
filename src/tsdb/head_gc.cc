#include <algorithm>
#include <memory>
#include <mutex>

#include "tsdb/head.h"

namespace slurmscope::tsdb {

void Head::RaiseMinValid(int64_t mint) {
  int64_t seen = min_valid_.load(std::memory_order_relaxed);
  while (mint > seen && !min_valid_.compare_exchange_weak(seen, mint, std::memory_order_relaxed)) {
  }
}

bool Head::Revive(SeriesId id) {
  std::unique_lock lock(mutex_);
  if (series_[id].life() == SeriesLife::kGone) return false;
  series_[id].SetLife(SeriesLife::kLive);
  return true;
}

std::optional<SeriesId> Head::FindSeries(const model::Labels& labels) const {
  std::vector<model::Label> views = ViewsOf(labels);
  std::shared_lock lock(mutex_);
  return FindLocked(labels.Hash(), views);
}

std::vector<SeriesId> Head::SortedSeries(int64_t mint, int64_t maxt) const {
  std::vector<SeriesId> ids;
  {
    std::shared_lock lock(mutex_);
    ids = AllSeries();
  }
  std::erase_if(ids, [&](SeriesId id) { return !series_[id].Overlaps(mint, maxt, full_chunks_); });
  SortSeries(&ids);
  return ids;
}

void Head::SortSeries(std::vector<SeriesId>* ids) const {
  std::sort(ids->begin(), ids->end(), [&](SeriesId a, SeriesId b) {
    return index_.Less(series_[a].labels(), series_[b].labels());
  });
}

// First all series without samples are marked. A batch that began before may not have seen the
// mark, so what it brings is waited for; a later one sees it and takes it off. Then those still
// marked and empty leave the index, and when nobody can hold one any more their places come free.
void Head::Truncate(int64_t mint, std::function<void(const std::vector<uint64_t>&)> on_removed) {
  RaiseMinValid(mint);
  auto detached = std::make_shared<std::vector<FullChunks::Index>>();
  auto candidates = std::make_shared<std::vector<SeriesId>>();
  uint32_t count = series_count_.load(std::memory_order_acquire);
  for (SeriesId id = 0; id < count; ++id) {
    chunks_.fetch_sub(series_[id].Truncate(mint, full_chunks_, detached.get()),
                      std::memory_order_relaxed);
    if (!HasSamples(id)) candidates->push_back(id);
  }
  {
    std::unique_lock lock(mutex_);
    std::erase_if(*candidates, [&](SeriesId id) {
      bool live = series_[id].life() == SeriesLife::kLive;
      if (live) series_[id].SetLife(SeriesLife::kDying);
      return !live;
    });
  }
  int64_t oldest = min_time();
  while (oldest < mint && oldest <= max_time() &&
         !min_time_.compare_exchange_weak(oldest, mint, std::memory_order_relaxed)) {
  }
  grace_.Defer([this, detached, candidates, on_removed = std::move(on_removed)] {
    for (FullChunks::Index chunk : *detached) full_chunks_.Free(chunk);
    auto unlinked = std::make_shared<std::vector<SeriesId>>();
    on_removed(Unlink(*candidates, unlinked.get()));
    tombstones_.Truncate(min_valid());
    if (!unlinked->empty()) grace_.Defer([this, unlinked] { Recycle(*unlinked); });
  });
}

std::vector<uint64_t> Head::Unlink(const std::vector<SeriesId>& candidates,
                                   std::vector<SeriesId>* unlinked) {
  std::vector<uint64_t> refs;
  std::vector<SeriesId> published;
  std::vector<LabelRange> ranges;
  std::unique_lock lock(mutex_);
  for (SeriesId id : candidates) {
    Series& series = series_[id];
    if (series.life() != SeriesLife::kDying) continue;
    if (HasSamples(id)) {
      series.SetLife(SeriesLife::kLive);
      continue;
    }
    series.SetLife(SeriesLife::kGone);
    by_labels_.Erase(LabelsOf(id).Hash(), id);
    unlinked->push_back(id);
    if (series.logged) refs.push_back(series.wal_ref());
    if (!series.published) continue;
    published.push_back(id);
    ranges.push_back(series.labels());
  }
  index_.Unpublish(published, ranges);
  published_.fetch_sub(published.size(), std::memory_order_relaxed);
  removed_.fetch_add(published.size(), std::memory_order_relaxed);
  return refs;
}

void Head::Recycle(const std::vector<SeriesId>& ids) {
  std::vector<LabelRange> ranges;
  for (SeriesId id : ids) ranges.push_back(series_[id].labels());
  tombstones_.Forget(ids);
  std::unique_lock lock(mutex_);
  index_.Remove(ranges);
  for (SeriesId id : ids) {
    series_[id].Recycle();
    free_places_.push_back(id);
  }
}

}  // namespace slurmscope::tsdb
