#include "tsdb/block_querier.h"

#include <algorithm>
#include <limits>
#include <set>

#include "tsdb/block_select.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/merge.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Matcher;

struct SelectedSeries {
  uint32_t id = 0;
  IndexedSeries series;
};

// Whether a chunk is in the window of which something is left.
bool ChunksOverlap(const std::vector<ChunkMeta>& chunks, const Intervals* deleted, int64_t mint,
                   int64_t maxt) {
  return std::any_of(chunks.begin(), chunks.end(), [&](const ChunkMeta& chunk) {
    bool inside = chunk.mint <= maxt && chunk.maxt >= mint;
    return inside && (deleted == nullptr || !Covers(*deleted, chunk.mint, chunk.maxt));
  });
}

Result<std::vector<SelectedSeries>> ReadMatching(const Block& block,
                                                 const std::vector<Matcher>& matchers, int64_t mint,
                                                 int64_t maxt) {
  std::vector<SelectedSeries> out;
  for (uint32_t id : TRY(SelectSeries(block.index(), matchers))) {
    SelectedSeries selected{id, {}};
    TRY(block.index().ReadSeries(id, true, &selected.series));
    if (ChunksOverlap(selected.series.chunks, block.DeletedOf(id), mint, maxt))
      out.push_back(std::move(selected));
  }
  return out;
}

class BlockSeriesSet final : public model::SeriesSet {
 public:
  BlockSeriesSet(BlockPtr block, std::vector<SelectedSeries> series, int64_t mint, int64_t maxt)
      : block_(std::move(block)), series_(std::move(series)), mint_(mint), maxt_(maxt) {}

  size_t size() const override { return series_.size(); }
  model::Labels LabelsAt(size_t index) const override { return series_[index].series.labels; }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                      model::Columns* out) const override {
    const SelectedSeries& selected = series_[index];
    return block_->Checked(ReadBlockSeries(*block_, selected.id, selected.series.chunks,
                                           std::max(mint, mint_), std::min(maxt, maxt_), out));
  }
  // Looks into the last chunk first.
  Result<void> DecodeNewest(size_t index, int64_t mint, int64_t maxt,
                            model::Columns* out) const override {
    int64_t from = std::numeric_limits<int64_t>::min();
    for (const ChunkMeta& chunk : series_[index].series.chunks) {
      if (chunk.maxt >= mint && chunk.mint <= maxt) from = std::max(from, chunk.mint);
    }
    if (from > mint) {
      TRY(SeriesSet::DecodeNewest(index, from, maxt, out));
      if (out->size() > 0) return {};
    }
    return SeriesSet::DecodeNewest(index, mint, maxt, out);
  }
  Result<void> Chunks(size_t index, int64_t mint, int64_t maxt,
                      std::vector<model::RawChunk>* out) const override {
    auto chunks = CopyChunks(series_[index], std::max(mint, mint_), std::min(maxt, maxt_));
    if (!chunks) return base::Fail(std::move(chunks).error().Wrap("block " + block_->meta().ulid));
    *out = ToRawChunks(*std::move(chunks));
    return {};
  }

 private:
  Result<std::vector<ChunkCopy>> CopyChunks(const SelectedSeries& selected, int64_t mint,
                                            int64_t maxt) const {
    std::vector<ChunkCopy> chunks;
    for (const ChunkMeta& meta : selected.series.chunks) {
      if (meta.maxt < mint || meta.mint > maxt) continue;
      EncodedChunk chunk = TRY(block_->ReadChunk(meta.ref));
      chunks.push_back({meta.mint, meta.maxt, std::string(chunk.data), chunk.encoding});
    }
    const Intervals* deleted = block_->DeletedOf(selected.id);
    chunks = TRY(TrimChunks(std::move(chunks), mint, maxt, deleted ? *deleted : Intervals()));
    return FlattenChunks(std::move(chunks));
  }

  const BlockPtr block_;
  const std::vector<SelectedSeries> series_;
  const int64_t mint_;
  const int64_t maxt_;
};

class BlockQuerier final : public model::Querier {
 public:
  BlockQuerier(BlockPtr block, int64_t mint, int64_t maxt)
      : block_(std::move(block)), mint_(mint), maxt_(maxt) {}

  // Sorted either way: so is the block.
  Result<std::unique_ptr<model::SeriesSet>> Select(bool /*sorted*/, const model::SelectHints& hints,
                                                   const std::vector<Matcher>& matchers) override {
    int64_t mint = std::max(mint_, hints.start);
    int64_t maxt = std::min(maxt_, hints.end);
    auto series = TRY(block_->Checked(ReadMatching(*block_, matchers, mint, maxt)));
    return std::make_unique<BlockSeriesSet>(block_, std::move(series), mint_, maxt_);
  }

  Result<std::vector<std::string>> LabelValues(const std::string& name,
                                               const std::vector<Matcher>& matchers,
                                               size_t limit) override {
    const IndexReader& index = block_->index();
    const IndexReader::Name* entry = index.FindName(name);
    std::vector<std::string> values;
    if (entry == nullptr) return values;
    if (matchers.empty()) {
      for (size_t i = 0; i < entry->entries.size(); ++i)
        values.emplace_back(index.Value(*entry, i));
      return Limited(std::move(values), limit);
    }
    std::set<std::string> seen;
    for (const auto& selected :
         TRY(block_->Checked(ReadMatching(*block_, matchers, mint_, maxt_)))) {
      std::string_view value = selected.series.labels.Get(name);
      if (!value.empty()) seen.emplace(value);
    }
    return Limited({seen.begin(), seen.end()}, limit);
  }

  Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                              size_t limit) override {
    std::vector<std::string> names;
    if (matchers.empty()) {
      for (const auto& entry : block_->index().names()) names.emplace_back(entry.name);
      return Limited(std::move(names), limit);
    }
    std::set<std::string, std::less<>> seen;
    for (const auto& selected :
         TRY(block_->Checked(ReadMatching(*block_, matchers, mint_, maxt_)))) {
      for (model::Label label : selected.series.labels) {
        if (!seen.contains(label.name)) seen.emplace(label.name);
      }
    }
    return Limited({seen.begin(), seen.end()}, limit);
  }

 private:
  static std::vector<std::string> Limited(std::vector<std::string> texts, size_t limit) {
    if (limit > 0 && texts.size() > limit) texts.resize(limit);
    return texts;
  }

  const BlockPtr block_;
  const int64_t mint_;
  const int64_t maxt_;
};

}  // namespace

Result<void> ReadBlockSeries(const Block& block, uint32_t id, const std::vector<ChunkMeta>& chunks,
                             int64_t mint, int64_t maxt, model::Columns* out) {
  out->Clear();
  model::Columns overlapping;
  for (const ChunkMeta& meta : chunks) {
    if (meta.maxt < mint || meta.mint > maxt) continue;
    EncodedChunk chunk = TRY(block.ReadChunk(meta.ref));
    if (out->t.empty() || meta.mint > out->t.back()) {
      TRY(DecodeChunk(chunk, mint, maxt, out));
      continue;
    }
    overlapping.Clear();
    TRY(DecodeChunk(chunk, mint, maxt, &overlapping));
    MergeColumns(overlapping, out);
  }
  if (const auto* deleted = block.DeletedOf(id)) RemoveIntervals(*deleted, out);
  return {};
}

std::unique_ptr<model::Querier> NewBlockQuerier(BlockPtr block, int64_t mint, int64_t maxt) {
  return std::make_unique<BlockQuerier>(std::move(block), mint, maxt);
}

}  // namespace slurmscope::tsdb
