#include "tsdb/head.h"

#include <algorithm>
#include <mutex>

#include "base/strings.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

void Lower(std::atomic<int64_t>& target, int64_t value) {
  int64_t seen = target.load(std::memory_order_relaxed);
  while (value < seen && !target.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

void Raise(std::atomic<int64_t>& target, int64_t value) {
  int64_t seen = target.load(std::memory_order_relaxed);
  while (value > seen && !target.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// A bounded list of the largest counts; names are made only for what stays.
class TopList {
 public:
  explicit TopList(size_t limit) : limit_(limit) {}

  template <typename MakeName>
  void Offer(uint64_t count, MakeName make_name) {
    if (count == 0 || (rows_.size() == limit_ && (limit_ == 0 || count <= rows_.back().count)))
      return;
    auto place = std::upper_bound(rows_.begin(), rows_.end(), count,
                                  [](uint64_t c, const NamedCount& row) { return c > row.count; });
    rows_.insert(place, {make_name(), count});
    if (rows_.size() > limit_) rows_.pop_back();
  }
  std::vector<NamedCount> Take() { return std::move(rows_); }

 private:
  size_t limit_;
  std::vector<NamedCount> rows_;
};

}  // namespace

std::optional<SeriesId> Head::FindLocked(uint64_t hash, LabelViews labels) const {
  return by_labels_.Find(hash,
                         [&](SeriesId id) { return index_.Equal(series_[id].labels(), labels); });
}

std::optional<SeriesId> Head::NewPlace() {
  if (!free_places_.empty()) {
    SeriesId id = free_places_.back();
    free_places_.pop_back();
    return id;
  }
  size_t index = series_.Grow(1);
  if (index == series_.kFull) return std::nullopt;
  return static_cast<SeriesId>(index);
}

std::optional<Head::Handle> Head::GetOrCreate(const model::Labels& labels) {
  std::vector<model::Label> views = ViewsOf(labels);
  uint64_t hash = labels.Hash();
  {
    std::shared_lock lock(mutex_);
    auto id = FindLocked(hash, views);
    if (id && series_[*id].life() == SeriesLife::kLive) return Handle{*id, &series_[*id]};
  }
  std::unique_lock lock(mutex_);
  return GetOrCreateLocked(hash, views, next_wal_ref_);
}

std::optional<Head::Handle> Head::Restore(uint64_t hash, LabelViews labels, uint64_t wal_ref) {
  std::unique_lock lock(mutex_);
  next_wal_ref_ = std::max(next_wal_ref_, wal_ref + 1);
  return GetOrCreateLocked(hash, labels, wal_ref);
}

int64_t Head::RestoreChunks(SeriesId id, FullChunks::Index newest) {
  uint64_t chunks = 0;
  int64_t mint = 0;
  for (FullChunks::Index chunk = newest; chunk != FullChunks::kNone;
       chunk = full_chunks_.previous(chunk)) {
    ++chunks;
    mint = full_chunks_.mint(chunk);
  }
  series_[id].Restore(newest, full_chunks_);
  chunks_.fetch_add(chunks, std::memory_order_relaxed);
  Lower(min_time_, std::max(mint, min_valid()));
  Raise(max_time_, full_chunks_.maxt(newest));
  return mint;
}

void Head::ForgetChunks(SeriesId id) {
  std::vector<FullChunks::Index> cut;
  chunks_.fetch_sub(series_[id].Truncate(std::numeric_limits<int64_t>::max(), full_chunks_, &cut),
                    std::memory_order_relaxed);
  for (FullChunks::Index chunk : cut) full_chunks_.Free(chunk);
  series_[id].ForgetTime();
}

// A ref without bounds would leave none for other series.
void Head::ReserveRef(uint64_t wal_ref) {
  constexpr uint64_t kLargest = uint64_t{1} << 62;
  std::unique_lock lock(mutex_);
  if (wal_ref < kLargest) next_wal_ref_ = std::max(next_wal_ref_, wal_ref + 1);
}

std::optional<Head::Handle> Head::GetOrCreateLocked(uint64_t hash, LabelViews labels,
                                                    uint64_t wal_ref) {
  if (auto id = FindLocked(hash, labels)) {
    series_[*id].SetLife(SeriesLife::kLive);
    return Handle{*id, &series_[*id]};
  }
  auto range = index_.Add(labels);
  if (!range) return std::nullopt;
  auto place = NewPlace();
  if (!place) return std::nullopt;
  SeriesId id = *place;
  next_wal_ref_ = std::max(next_wal_ref_, wal_ref + 1);
  series_[id].Init(wal_ref, *range);
  by_labels_.Insert(hash, id);
  series_[id].SetLife(SeriesLife::kLive);
  series_count_.store(static_cast<uint32_t>(series_.size()), std::memory_order_release);
  return Handle{id, &series_[id]};
}

void Head::AppendSeriesRecord(SeriesId id, std::string* record) const {
  BeginSeries(*record, series_[id].wal_ref());
  index_.AppendPacked(series_[id].labels(), record);
}

void Head::PublishLocked(SeriesId id) {
  Series& series = series_[id];
  if (series.published) return;
  series.published = true;
  index_.Publish(id, series.labels());
  published_.fetch_add(1, std::memory_order_relaxed);
  created_.fetch_add(1, std::memory_order_relaxed);
}

void Head::Publish(const std::vector<SeriesId>& ids) {
  std::unique_lock lock(mutex_);
  for (SeriesId id : ids) PublishLocked(id);
  index_.EndPublish();
}

void Head::PublishAll(size_t threads) {
  std::unique_lock lock(mutex_);
  std::vector<SeriesId> ids;
  std::vector<LabelRange> ranges;
  for (SeriesId id = 0; id < series_.size(); ++id) {
    if (series_[id].published) continue;
    if (series_[id].last_time() == kNoTime && !ooo_.Has(id)) continue;
    series_[id].published = true;
    ids.push_back(id);
    ranges.push_back(series_[id].labels());
  }
  index_.PublishMany(ids, ranges, threads);
  published_.fetch_add(ids.size(), std::memory_order_relaxed);
  created_.fetch_add(ids.size(), std::memory_order_relaxed);
}

std::vector<SeriesId> Head::AllSeries() const {
  std::vector<SeriesId> ids;
  ids.reserve(published_.load(std::memory_order_relaxed));
  for (size_t id = 0; id < series_.size(); ++id) {
    bool seen = series_[id].published && series_[id].life() != SeriesLife::kGone;
    if (seen) ids.push_back(static_cast<SeriesId>(id));
  }
  return ids;
}

void Head::Count(uint64_t samples, uint64_t chunks, int64_t mint, int64_t maxt) {
  if (samples == 0) return;
  samples_.fetch_add(samples, std::memory_order_relaxed);
  chunks_.fetch_add(chunks, std::memory_order_relaxed);
  Lower(min_time_, mint);
  Raise(max_time_, maxt);
}

void Head::CountOoo(uint64_t samples, uint64_t histograms) {
  ooo_samples_.fetch_add(samples, std::memory_order_relaxed);
  ooo_histograms_.fetch_add(histograms, std::memory_order_relaxed);
}

bool Head::Overlaps(int64_t mint, int64_t maxt) const {
  bool in_order = min_time_.load(std::memory_order_relaxed) <= maxt && max_time() >= mint;
  return in_order || ooo_.Overlaps(mint, maxt);
}

void Head::CountRefused(model::AppendStatus status, bool histogram) {
  auto count = [histogram](ByKind& of) {
    of[histogram ? 1 : 0].fetch_add(1, std::memory_order_relaxed);
  };
  switch (status) {
    case model::AppendStatus::kOutOfOrder:
      return count(out_of_order_);
    case model::AppendStatus::kDuplicate:
      return count(duplicates_);
    case model::AppendStatus::kOutOfBounds:
      return count(out_of_bounds_);
    case model::AppendStatus::kTooOld:
      return count(too_old_);
    default:
      return;
  }
}

void Head::FillStats(HeadStats* stats) const {
  stats->series = published_.load(std::memory_order_relaxed);
  stats->series_created = created_.load(std::memory_order_relaxed);
  stats->series_removed = removed_.load(std::memory_order_relaxed);
  stats->chunks = chunks_.load(std::memory_order_relaxed) + ooo_.chunks();
  stats->min_time = min_time_.load(std::memory_order_relaxed);
  stats->max_time = max_time();
  stats->samples_appended =
      samples_.load(std::memory_order_relaxed) + ooo_samples_.load(std::memory_order_relaxed);
  stats->histograms_appended =
      histograms_.load(std::memory_order_relaxed) + ooo_histograms_.load(std::memory_order_relaxed);
  auto histograms = [](const ByKind& of) { return of[1].load(std::memory_order_relaxed); };
  auto all = [&](const ByKind& of) {
    return of[0].load(std::memory_order_relaxed) + histograms(of);
  };
  stats->out_of_order = all(out_of_order_);
  stats->duplicates = all(duplicates_);
  stats->out_of_bounds = all(out_of_bounds_);
  stats->too_old = all(too_old_);
  stats->out_of_order_histograms = histograms(out_of_order_);
  stats->out_of_bounds_histograms = histograms(out_of_bounds_);
  stats->too_old_histograms = histograms(too_old_);
  stats->ooo_samples = ooo_samples_.load(std::memory_order_relaxed);
  stats->ooo_histograms = ooo_histograms_.load(std::memory_order_relaxed);
  std::shared_lock lock(mutex_);
  stats->label_pairs = index_.used_pairs();
}

CardinalityStats Head::Cardinality(size_t limit) const {
  TopList by_metric(limit), values(limit), bytes(limit), by_pair(limit);
  std::shared_lock lock(mutex_);
  for (NameId name_id = 0; name_id < index_.name_count(); ++name_id) {
    std::string name(index_.name(name_id));
    uint64_t value_count = 0;
    uint64_t byte_count = 0;
    for (PairId pair_id : index_.pairs_of(name_id)) {
      const LabelPair& pair = index_.pair(pair_id);
      uint64_t series = pair.postings.size();
      if (series == 0) continue;
      ++value_count;
      byte_count += pair.value.size() * series;
      if (name == model::kMetricName) {
        by_metric.Offer(series, [&] { return std::string(pair.value); });
      }
      by_pair.Offer(series, [&] { return base::StrCat(name, "=", pair.value); });
    }
    values.Offer(value_count, [&] { return name; });
    bytes.Offer(byte_count, [&] { return name; });
  }
  return {by_metric.Take(), values.Take(), bytes.Take(), by_pair.Take()};
}

}  // namespace slurmscope::tsdb
