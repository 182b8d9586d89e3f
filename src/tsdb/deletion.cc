#include "tsdb/deletion.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/file.h"
#include "tsdb/block_select.h"
#include "tsdb/select.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

std::vector<SeriesId> Matching(const Head& head, const Deletion& deletion) {
  std::shared_lock lock(head.mutex());
  return SelectSeries(head, deletion.matchers);
}

// Also series without samples of that time in memory: the log has them still, and would bring them
// back should the block that they went to become unreadable.
std::vector<SeriesId> HeadSeries(const Head& head, const Deletion& deletion) {
  std::vector<SeriesId> ids = Matching(head, deletion);
  std::erase_if(ids, [&](SeriesId id) {
    int64_t newest = head.series(id).last_time();
    return newest == kNoTime || newest < deletion.mint;
  });
  return ids;
}

Result<void> AddBlockSeries(const Block& block, uint32_t id, const Deletion& deletion,
                            Tombstones* tombstones, bool* changed) {
  IndexedSeries series;
  TRY(block.index().ReadSeries(id, true, &series));
  bool concerned =
      std::any_of(series.chunks.begin(), series.chunks.end(), [&](const ChunkMeta& chunk) {
        return chunk.mint <= deletion.maxt && chunk.maxt >= deletion.mint;
      });
  if (!concerned) return {};
  int64_t newest = deletion.mint;
  for (const ChunkMeta& chunk : series.chunks) newest = std::max(newest, chunk.maxt);
  AddInterval(
      {std::max(deletion.mint, series.chunks.front().mint), std::min(deletion.maxt, newest)},
      &(*tombstones)[id]);
  *changed = true;
  return {};
}

}  // namespace

Result<void> DeleteFromHead(Head& head, Wal& wal, WalCompression compression,
                            const Deletion& deletion) {
  Grace::Pass pass = head.grace().Enter();
  std::vector<SeriesId> ids = HeadSeries(head, deletion);
  std::vector<TombstoneEntry> entries;
  std::vector<StoredRecord> records;
  std::string record;
  for (SeriesId id : ids) {
    const Series& series = head.series(id);
    entries.push_back(
        {series.wal_ref(), {deletion.mint, std::min(deletion.maxt, series.last_time())}});
    AddTombstone(record, entries.back());
    if (record.size() < wal.max_record_bytes() / 4 && id != ids.back()) continue;
    records.push_back(StoreRecord(std::move(record), compression));
    record.clear();
  }
  if (records.empty()) return {};
  TRY(wal.Write(records));
  TRY(wal.Sync());
  for (size_t i = 0; i < ids.size(); ++i) {
    bool present = head.series(ids[i]).Overlaps(deletion.mint, deletion.maxt, head.full_chunks());
    if (present) head.tombstones().Add(ids[i], entries[i].interval);
  }
  return {};
}

Result<void> DeleteOoo(Head& head, Wbl& wbl, size_t record_limit, WalCompression compression,
                       const Deletion& deletion) {
  Grace::Pass pass = head.grace().Enter();
  if (!head.ooo().any()) return {};
  std::vector<SeriesId> ids = Matching(head, deletion);
  std::erase_if(
      ids, [&](SeriesId id) { return !head.ooo().Overlaps(id, deletion.mint, deletion.maxt); });
  TimeInterval interval{deletion.mint, deletion.maxt};
  std::vector<StoredRecord> records;
  std::string record;
  for (SeriesId id : ids) {
    AddTombstone(record, {head.series(id).wal_ref(), interval});
    if (record.size() < record_limit && id != ids.back()) continue;
    records.push_back(StoreRecord(std::exchange(record, {}), compression));
  }
  if (records.empty()) return {};
  auto remove = [&]() -> Result<void> {
    for (SeriesId id : ids) TRY(head.ooo().Delete(id, interval));
    return {};
  };
  TRY(wbl.Commit(records, remove));
  return wbl.Sync();
}

Result<bool> DeleteFromBlock(const Block& block, const std::string& directory,
                             const Deletion& deletion) {
  if (!block.Overlaps(deletion.mint, deletion.maxt)) return false;
  Tombstones tombstones = block.tombstones();
  bool changed = false;
  for (uint32_t id : TRY(SelectSeries(block.index(), deletion.matchers))) {
    TRY(AddBlockSeries(block, id, deletion, &tombstones, &changed));
  }
  if (!changed) return false;
  BlockMeta meta = block.meta();
  meta.stats.tombstones = 0;
  for (const auto& [id, intervals] : tombstones) meta.stats.tombstones += intervals.size();
  TRY(base::WriteFileAtomic(directory + "/tombstones", WriteTombstones(tombstones)));
  TRY(base::WriteFileAtomic(directory + "/meta.json", WriteBlockMeta(meta)));
  return true;
}

}  // namespace slurmscope::tsdb
