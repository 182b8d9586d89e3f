#include "tsdb/head_block.h"

#include <algorithm>
#include <set>

#include "tsdb/block_writer.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

std::vector<std::string> SymbolsOf(const Head& head, const std::vector<SeriesId>& ids) {
  const LabelIndex& index = head.index();
  std::vector<PairId> pairs;
  for (SeriesId id : ids) {
    LabelRange range = head.series(id).labels();
    pairs.insert(pairs.end(), index.PairsOf(range), index.PairsOf(range) + range.count);
    // Most are repeats.
    if (pairs.size() > (1 << 20)) {
      std::sort(pairs.begin(), pairs.end());
      pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    }
  }
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  std::vector<std::string> symbols;
  std::set<std::string_view> names;
  for (PairId id : pairs) {
    symbols.emplace_back(index.pair(id).value);
    names.insert(index.pair(id).name);
  }
  for (std::string_view name : names) symbols.emplace_back(name);
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
  return symbols;
}

std::vector<SeriesId> SeriesWith(const Head& head, HeadPart part, int64_t mint, int64_t maxt) {
  std::vector<SeriesId> ids;
  bool in_order = part == HeadPart::kInOrder || part == HeadPart::kAll;
  if (in_order) ids = head.SortedSeries(mint, maxt);
  if (part == HeadPart::kInOrder || !head.ooo().any()) return ids;
  auto ooo_part = part == HeadPart::kFrozen ? OooStore::Part::kFrozen : OooStore::Part::kAll;
  std::vector<SeriesId> late = head.ooo().Ids(ooo_part);
  std::erase_if(late, [&](SeriesId id) { return !head.ooo().Overlaps(id, mint, maxt); });
  ids.insert(ids.end(), late.begin(), late.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  head.SortSeries(&ids);
  return ids;
}

Result<void> WriteSeries(const Head& head, SeriesId id, HeadPart part, int64_t mint, int64_t maxt,
                         BlockWriter& writer) {
  std::vector<ChunkCopy> copies = TRY(CopyHeadChunks(head, id, part, mint, maxt - 1));
  if (copies.empty()) return {};
  std::vector<BlockChunk> chunks;
  for (const ChunkCopy& copy : copies) {
    chunks.push_back({copy.mint, copy.maxt, copy.view()});
  }
  return writer.AddSeries(head.LabelsOf(id), chunks);
}

}  // namespace

int64_t RangeStart(int64_t t, int64_t width) {
  int64_t rest = t % width;
  return t - (rest < 0 ? rest + width : rest);
}

Result<std::vector<ChunkCopy>> CopyHeadChunks(const Head& head, SeriesId id, HeadPart part,
                                              int64_t mint, int64_t maxt) {
  std::vector<ChunkCopy> chunks;
  if (part == HeadPart::kInOrder || part == HeadPart::kAll) {
    TRY(head.series(id).CopyChunks(mint, maxt, head.full_chunks(), &chunks));
    Intervals deleted = head.tombstones().Of(id);
    if (!deleted.empty()) chunks = TRY(TrimChunks(std::move(chunks), mint, maxt, deleted));
  }
  if (part == HeadPart::kInOrder) return chunks;
  auto ooo_part = part == HeadPart::kFrozen ? OooStore::Part::kFrozen : OooStore::Part::kAll;
  std::vector<ChunkCopy> late;
  for (const OooChunkPtr& chunk : head.ooo().ChunksOf(id, mint, maxt, ooo_part)) {
    late.push_back({chunk->mint, chunk->maxt, std::string(chunk->view().data), chunk->encoding});
  }
  if (late.empty()) return chunks;
  // Behind the others, as they count where both have a time.
  for (ChunkCopy& chunk : TRY(TrimChunks(std::move(late), mint, maxt, {}))) {
    chunks.push_back(std::move(chunk));
  }
  return FlattenChunks(std::move(chunks));
}

Result<std::optional<BlockMeta>> WriteHeadBlock(const Head& head, HeadPart part,
                                                const std::string& directory, int64_t mint,
                                                int64_t maxt, int64_t now_ms) {
  Grace::Pass pass = head.grace().Enter();
  std::vector<SeriesId> ids = SeriesWith(head, part, mint, maxt - 1);
  if (ids.empty()) return std::optional<BlockMeta>();
  BlockMeta meta;
  meta.ulid = NewUlid(now_ms);
  meta.min_time = mint;
  meta.max_time = maxt;
  meta.sources = {meta.ulid};
  if (part == HeadPart::kFrozen) meta.hints.emplace_back(kOutOfOrderHint);
  BlockWriter writer = TRY(BlockWriter::Create(directory, meta.ulid, SymbolsOf(head, ids)));
  for (SeriesId id : ids) TRY(WriteSeries(head, id, part, mint, maxt, writer));
  if (writer.series() == 0) return std::optional<BlockMeta>();
  TRY(writer.Finish(&meta));
  return std::optional(std::move(meta));
}

}  // namespace slurmscope::tsdb
