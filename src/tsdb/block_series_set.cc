#include "tsdb/block_series_set.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>

#include "tsdb/chunk_codec.h"
#include "tsdb/merge.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Columns;
using ChunkMetas = std::vector<ChunkMeta>;

using ChunkSpan = std::span<const ChunkMeta>;

// Appends the samples of [mint, maxt]; `out` has none that are later than those. `by_two`, whether
// to decode two chunks at a time, is found out by the first samples of a series and then kept.
Result<void> AppendChunks(const Block& block, ChunkSpan chunks, int64_t mint, int64_t maxt,
                          std::optional<bool>* by_two, Columns* out) {
  Columns overlapping;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& meta = chunks[i];
    if (meta.maxt < mint || meta.mint > maxt) continue;
    if (i + 1 < chunks.size()) block.PrefetchChunk(chunks[i + 1].ref);
    if (!*by_two && out->size() > 0) *by_two = ChangesAtRandom(*out);
    EncodedChunk chunk = TRY(block.ReadChunk(meta.ref));
    if (out->t.empty() || meta.mint > out->t.back()) {
      bool two = by_two->value_or(false) && i + 1 < chunks.size() &&
                 chunks[i + 1].mint > meta.maxt && chunks[i + 1].mint <= maxt;
      if (two) {
        EncodedChunk next = TRY(block.ReadChunk(chunks[++i].ref));
        TRY(DecodeChunks(chunk, next, mint, maxt, out));
      } else {
        TRY(DecodeChunk(chunk, mint, maxt, out));
      }
      continue;
    }
    overlapping.Clear();
    TRY(DecodeChunk(chunk, mint, maxt, &overlapping));
    MergeColumns(overlapping, out);
  }
  return {};
}

// Adds the samples of a series in one block, where it has `chunks`.
Result<void> AddSamples(const Block& block, uint32_t id, ChunkSpan chunks, int64_t mint,
                        int64_t maxt, std::optional<bool>* by_two, Columns* out) {
  if (chunks.empty()) return {};
  const Intervals* deleted = block.DeletedOf(id);
  bool behind = out->t.empty() || chunks.front().mint > out->t.back();
  if (behind && deleted == nullptr) return AppendChunks(block, chunks, mint, maxt, by_two, out);
  Columns part;
  TRY(AppendChunks(block, chunks, mint, maxt, by_two, &part));
  if (deleted != nullptr) RemoveIntervals(*deleted, &part);
  MergeColumns(part, out);
  return {};
}

// The newest sample alone. Looks into the last chunk first.
Result<void> ReadNewest(const Block& block, uint32_t id, int64_t mint, int64_t maxt,
                        ChunkMetas* chunks, Columns* out) {
  out->Clear();
  TRY(IndexReader::ReadChunks(block.index().EntryOf(id).chunks, chunks));
  int64_t from = std::numeric_limits<int64_t>::min();
  for (const ChunkMeta& chunk : *chunks) {
    if (chunk.maxt >= mint && chunk.mint <= maxt) from = std::max(from, chunk.mint);
  }
  std::optional<bool> by_two;
  if (from > mint) TRY(AddSamples(block, id, *chunks, from, maxt, &by_two, out));
  if (out->size() == 0) TRY(AddSamples(block, id, *chunks, mint, maxt, &by_two, out));
  if (out->size() > 1) out->KeepNewest();
  return {};
}

// Reads a series block by block. While the chunks of one are decoded the first one of the next is
// on its way into the cache.
class PartReader {
 public:
  explicit PartReader(size_t blocks) {
    constexpr size_t kUsualChunks = 8;
    parts_.reserve(blocks);
    chunks_.reserve(blocks * kUsualChunks);
  }

  // The parts of a series in the order of their blocks.
  Result<void> Add(const Block& block, uint32_t id) {
    TRY(IndexReader::ReadChunks(block.index().EntryOf(id).chunks, &of_block_));
    parts_.push_back({&block, id, chunks_.size(), of_block_.size()});
    chunks_.insert(chunks_.end(), of_block_.begin(), of_block_.end());
    return {};
  }
  Result<void> Read(int64_t mint, int64_t maxt, Columns* out) {
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (i + 1 < parts_.size() && parts_[i + 1].count > 0)
        parts_[i + 1].block->PrefetchChunk(ChunksOf(parts_[i + 1]).front().ref);
      const Part& part = parts_[i];
      TRY(part.block->Checked(
          AddSamples(*part.block, part.id, ChunksOf(part), mint, maxt, &by_two_, out)));
    }
    return {};
  }

 private:
  struct Part {
    const Block* block;
    uint32_t id;
    size_t first;  // in chunks_
    size_t count;
  };
  ChunkSpan ChunksOf(const Part& part) const { return {chunks_.data() + part.first, part.count}; }

  std::vector<Part> parts_;
  ChunkMetas chunks_;
  ChunkMetas of_block_;
  std::optional<bool> by_two_;
};

Result<std::vector<ChunkCopy>> CopyChunks(const Block& block, uint32_t id, int64_t mint,
                                          int64_t maxt) {
  ChunkMetas metas;
  TRY(IndexReader::ReadChunks(block.index().EntryOf(id).chunks, &metas));
  std::vector<ChunkCopy> chunks;
  for (const ChunkMeta& meta : metas) {
    if (meta.maxt < mint || meta.mint > maxt) continue;
    EncodedChunk chunk = TRY(block.ReadChunk(meta.ref));
    chunks.push_back({meta.mint, meta.maxt, std::string(chunk.data), chunk.encoding});
  }
  const Intervals* deleted = block.DeletedOf(id);
  chunks = TRY(TrimChunks(std::move(chunks), mint, maxt, deleted ? *deleted : Intervals()));
  return FlattenChunks(std::move(chunks));
}

class BlockSeriesSet final : public model::SeriesSet {
 public:
  BlockSeriesSet(std::vector<BlockPtr> blocks, SeriesUnion series, int64_t mint, int64_t maxt)
      : blocks_(std::move(blocks)), series_(std::move(series)), mint_(mint), maxt_(maxt) {}

  size_t size() const override { return series_.size(); }

  model::Labels LabelsAt(size_t index) const override {
    const SeriesPlace& place = series_.places[series_.starts[index]];
    const IndexReader& reader = blocks_[place.block]->index();
    return reader.MakeLabels(reader.EntryOf(place.id).labels);
  }

  Result<void> Decode(size_t index, int64_t mint, int64_t maxt, Columns* out) const override {
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    out->Clear();
    auto places = Places(index);
    PartReader reader(places.size());
    for (const SeriesPlace& place : places) {
      const Block& block = *blocks_[place.block];
      if (block.Overlaps(mint, maxt)) TRY(block.Checked(reader.Add(block, place.id)));
    }
    return reader.Read(mint, maxt, out);
  }

  // Of equal times the last block's counts, as when decoding all.
  Result<void> DecodeNewest(size_t index, int64_t mint, int64_t maxt, Columns* out) const override {
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    out->Clear();
    ChunkMetas chunks;
    Columns part;
    auto places = Places(index);
    for (size_t i = places.size(); i > 0; --i) {
      const Block& block = *blocks_[places[i - 1].block];
      if (!block.Overlaps(mint, maxt)) continue;
      TRY(block.Checked(ReadNewest(block, places[i - 1].id, mint, maxt, &chunks, &part)));
      if (part.size() == 0) continue;
      std::swap(*out, part);
      if (out->t.back() >= maxt) return {};
      mint = out->t.back() + 1;
    }
    return {};
  }

  Result<void> Chunks(size_t index, int64_t mint, int64_t maxt,
                      std::vector<model::RawChunk>* out) const override {
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    std::vector<ChunkCopy> all;
    for (const SeriesPlace& place : Places(index)) {
      const Block& block = *blocks_[place.block];
      auto chunks = TRY(block.Checked(CopyChunks(block, place.id, mint, maxt)));
      std::move(chunks.begin(), chunks.end(), std::back_inserter(all));
    }
    *out = ToRawChunks(TRY(FlattenChunks(std::move(all))));
    return {};
  }

  model::LabelGroups GroupBy(const std::vector<std::string>& names, bool without) const override {
    SeriesGrouper grouper(blocks_.size(), names, without);
    for (size_t i = 0; i < size(); ++i) {
      const SeriesPlace& place = series_.places[series_.starts[i]];
      grouper.Add(blocks_[place.block]->index(), place.block, place.id);
    }
    return grouper.Take();
  }

 private:
  std::span<const SeriesPlace> Places(size_t index) const {
    return {series_.places.data() + series_.starts[index],
            series_.places.data() + series_.starts[index + 1]};
  }

  const std::vector<BlockPtr> blocks_;
  const SeriesUnion series_;
  const int64_t mint_;
  const int64_t maxt_;
};

}  // namespace

std::unique_ptr<model::SeriesSet> NewBlockSeriesSet(std::vector<BlockPtr> blocks,
                                                    SeriesUnion series, int64_t mint,
                                                    int64_t maxt) {
  return std::make_unique<BlockSeriesSet>(std::move(blocks), std::move(series), mint, maxt);
}

}  // namespace slurmscope::tsdb
