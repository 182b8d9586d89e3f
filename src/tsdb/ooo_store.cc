#include "tsdb/ooo_store.h"

#include <algorithm>
#include <utility>

#include "tsdb/head_block.h"
#include "tsdb/merge.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

constexpr int64_t kOldest = std::numeric_limits<int64_t>::min();
constexpr int64_t kNewest = std::numeric_limits<int64_t>::max();

// Later ones count, so neighbours are merged first.
void MergeAll(std::vector<model::Columns>* parts) {
  while (parts->size() > 1) {
    size_t kept = 0;
    for (size_t i = 0; i < parts->size(); i += 2) {
      if (i + 1 < parts->size()) MergeColumns((*parts)[i + 1], &(*parts)[i]);
      if (kept != i) (*parts)[kept] = std::move((*parts)[i]);
      ++kept;
    }
    parts->resize(kept);
  }
}

}  // namespace

std::vector<OooStore::TablePtr> OooStore::Tables(Part part) const {
  std::vector<TablePtr> tables;
  std::shared_lock lock(mutex_);
  if (frozen_) tables.push_back(frozen_);
  if (part == Part::kAll) tables.push_back(active_);
  return tables;
}

// A chunk that cannot be written stays in memory.
void OooStore::MoveToFile(uint64_t wal_ref, OooFullChunk* chunk) {
  if (files_ == nullptr) return;
  auto stored = files_->Append({wal_ref, chunk->mint, chunk->maxt, true, chunk->view()});
  if (!stored) return;
  HeadChunkFiles::Ref first = active_->first_ref.load();
  while (stored->ref < first && !active_->first_ref.compare_exchange_weak(first, stored->ref)) {
  }
  chunk->mapped = stored->chunk.chunk.data;
  chunk->bytes = {};
}

// Under the locks of the tables and the shard.
void OooStore::Close(uint64_t wal_ref, Samples* samples) {
  std::vector<ChunkCopy> chunks = samples->open.Encode();
  chunks_.fetch_add(chunks.size() - 1, std::memory_order_relaxed);
  for (ChunkCopy& chunk : chunks) {
    auto full = std::make_shared<OooFullChunk>(std::move(chunk));
    MoveToFile(wal_ref, full.get());
    samples->full.push_back(std::move(full));
  }
  samples->open.Clear();
}

// No chunk is written meanwhile.
Result<void> OooStore::TruncateFiles(HeadChunkFiles& files, int64_t mint,
                                     std::vector<MappedFile>* unmapped) const {
  std::unique_lock lock(mutex_);
  HeadChunkFiles::Ref first = active_->first_ref;
  if (frozen_) first = std::min<HeadChunkFiles::Ref>(first, frozen_->first_ref);
  return files.Truncate(mint, unmapped, first);
}

bool OooStore::Insert(SeriesId id, uint64_t wal_ref, OooSample sample) {
  std::shared_lock lock(mutex_);  // so that it is not frozen meanwhile
  int64_t t = sample.t;
  Shard& shard = active_->ShardOf(id);
  {
    std::lock_guard shard_lock(shard.mutex);
    auto [it, is_new] = shard.series.try_emplace(id);
    Samples& samples = it->second;
    if (is_new) series_.fetch_add(1, std::memory_order_release);
    if (samples.open.size() >= chunk_samples_) Close(wal_ref, &samples);
    if (!samples.open.Insert(std::move(sample))) return false;
    if (samples.open.size() == 1) chunks_.fetch_add(1, std::memory_order_relaxed);
  }
  int64_t mint = active_->mint.load(std::memory_order_relaxed);
  while (t < mint && !active_->mint.compare_exchange_weak(mint, t)) {
  }
  int64_t maxt = active_->maxt.load(std::memory_order_relaxed);
  while (t > maxt && !active_->maxt.compare_exchange_weak(maxt, t)) {
  }
  return true;
}

// Under the lock of the shard.
Result<void> OooStore::DeleteFrom(Samples* samples, const TimeInterval& interval) {
  size_t before = samples->full.size() + (samples->open.empty() ? 0 : 1);
  samples->open.Remove(interval);
  std::vector<OooChunkPtr> kept;
  for (const OooChunkPtr& chunk : samples->full) {
    if (!Touches({interval}, chunk->mint, chunk->maxt)) {
      kept.push_back(chunk);
      continue;
    }
    for (ChunkCopy& rest : TRY(RewriteChunks({chunk->view()}, kOldest, kNewest, {interval}))) {
      kept.push_back(std::make_shared<const OooFullChunk>(std::move(rest)));
    }
  }
  samples->full = std::move(kept);
  chunks_.fetch_add(samples->full.size() + (samples->open.empty() ? 0 : 1) - before,
                    std::memory_order_relaxed);
  return {};
}

Result<void> OooStore::Delete(SeriesId id, const TimeInterval& interval) {
  for (const TablePtr& table : Tables(Part::kAll)) {
    Shard& shard = table->ShardOf(id);
    std::lock_guard lock(shard.mutex);
    auto it = shard.series.find(id);
    if (it == shard.series.end()) continue;
    TRY(DeleteFrom(&it->second, interval));
    if (!it->second.full.empty() || !it->second.open.empty()) continue;
    shard.series.erase(it);
    series_.fetch_sub(1, std::memory_order_release);
  }
  return {};
}

bool OooStore::Has(SeriesId id) const {
  if (!any()) return false;
  for (const TablePtr& table : Tables(Part::kAll)) {
    const Shard& shard = table->ShardOf(id);
    std::lock_guard lock(shard.mutex);
    if (shard.series.count(id) > 0) return true;
  }
  return false;
}

bool OooStore::Overlaps(SeriesId id, int64_t mint, int64_t maxt) const {
  if (!any()) return false;
  auto overlaps = [&](const auto& chunk) { return chunk->mint <= maxt && chunk->maxt >= mint; };
  for (const TablePtr& table : Tables(Part::kAll)) {
    const Shard& shard = table->ShardOf(id);
    std::lock_guard lock(shard.mutex);
    auto it = shard.series.find(id);
    if (it == shard.series.end()) continue;
    const Samples& samples = it->second;
    const OooChunk& open = samples.open;
    if (!open.empty() && open.mint() <= maxt && open.maxt() >= mint) return true;
    if (std::any_of(samples.full.begin(), samples.full.end(), overlaps)) return true;
  }
  return false;
}

bool OooStore::Overlaps(int64_t mint, int64_t maxt) const {
  return any() && min_time() <= maxt && max_time() >= mint;
}

int64_t OooStore::min_time() const {
  int64_t mint = kNewest;
  for (const TablePtr& table : Tables(Part::kAll)) mint = std::min(mint, table->mint.load());
  return mint;
}

int64_t OooStore::max_time() const {
  int64_t maxt = kOldest;
  for (const TablePtr& table : Tables(Part::kAll)) maxt = std::max(maxt, table->maxt.load());
  return maxt;
}

std::vector<OooChunkPtr> OooStore::ChunksOf(SeriesId id, int64_t mint, int64_t maxt,
                                            Part part) const {
  std::vector<OooChunkPtr> chunks;
  if (!any()) return chunks;
  auto add = [&](OooChunkPtr chunk) {
    if (chunk->mint <= maxt && chunk->maxt >= mint) chunks.push_back(std::move(chunk));
  };
  for (const TablePtr& table : Tables(part)) {
    const Shard& shard = table->ShardOf(id);
    std::lock_guard lock(shard.mutex);
    auto it = shard.series.find(id);
    if (it == shard.series.end()) continue;
    for (const OooChunkPtr& chunk : it->second.full) add(chunk);
    for (ChunkCopy& chunk : it->second.open.Encode()) {
      add(std::make_shared<const OooFullChunk>(std::move(chunk)));
    }
  }
  return chunks;
}

Result<void> OooStore::Read(SeriesId id, int64_t mint, int64_t maxt, model::Columns* out) const {
  std::vector<model::Columns> parts;
  for (const OooChunkPtr& chunk : ChunksOf(id, mint, maxt)) {
    TRY(DecodeChunk(chunk->view(), mint, maxt, &parts.emplace_back()));
  }
  MergeAll(&parts);
  if (!parts.empty()) MergeColumns(parts[0], out);
  return {};
}

std::vector<SeriesId> OooStore::Ids(Part part) const {
  std::vector<SeriesId> ids;
  for (const TablePtr& table : Tables(part)) {
    for (const Shard& shard : table->shards) {
      std::lock_guard lock(shard.mutex);
      for (const auto& [id, samples] : shard.series) ids.push_back(id);
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void OooStore::Freeze() {
  std::unique_lock lock(mutex_);
  frozen_ = std::exchange(active_, std::make_shared<Table>());
}

bool OooStore::frozen() const {
  std::shared_lock lock(mutex_);
  return frozen_ != nullptr;
}

void OooStore::DropFrozen() {
  TablePtr dropped;
  {
    std::unique_lock lock(mutex_);
    dropped = std::exchange(frozen_, nullptr);
  }
  if (!dropped) return;
  for (const Shard& shard : dropped->shards) {
    std::lock_guard lock(shard.mutex);
    uint64_t chunks = 0;
    for (const auto& [id, samples] : shard.series) {
      chunks += samples.full.size() + (samples.open.empty() ? 0 : 1);
    }
    chunks_.fetch_sub(chunks, std::memory_order_relaxed);
    series_.fetch_sub(shard.series.size(), std::memory_order_release);
  }
}

Result<std::set<int64_t>> OooStore::FrozenRanges(int64_t width) const {
  std::set<int64_t> starts;
  model::Columns samples;
  for (SeriesId id : Ids(Part::kFrozen)) {
    for (const OooChunkPtr& chunk : ChunksOf(id, kOldest, kNewest, Part::kFrozen)) {
      starts.insert(RangeStart(chunk->mint, width));
      if (starts.count(RangeStart(chunk->maxt, width)) > 0 && chunk->maxt - chunk->mint <= width) {
        continue;
      }
      samples.Clear();
      TRY(DecodeChunk(chunk->view(), kOldest, kNewest, &samples));
      for (int64_t t : samples.t) starts.insert(RangeStart(t, width));
    }
  }
  return starts;
}

}  // namespace slurmscope::tsdb
