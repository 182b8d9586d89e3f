#include "tsdb/block_merge.h"

#include <algorithm>
#include <queue>
#include <set>

#include "tsdb/block_writer.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/series.h"
#include "tsdb/tombstones.h"
#include "tsdb/ulid.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

// A chunk to be written; `owned` holds the bytes of one that was made anew.
struct Piece {
  int64_t mint = 0;
  int64_t maxt = 0;
  EncodedChunk chunk;
  std::string owned;

  EncodedChunk view() const { return owned.empty() ? chunk : EncodedChunk{chunk.encoding, owned}; }
};

// Of chunks that overlap or have deletions.
Result<std::vector<Piece>> Rewrite(const std::vector<EncodedChunk>& chunks,
                                   const Intervals& deleted) {
  std::vector<Piece> pieces;
  auto written = TRY(RewriteChunks(chunks, kNoTime, std::numeric_limits<int64_t>::max(), deleted));
  for (ChunkCopy& copy : written) {
    pieces.push_back({copy.mint, copy.maxt, {copy.encoding, {}}, std::move(copy.bytes)});
  }
  return pieces;
}

// The series of one block, in order.
class Cursor {
 public:
  explicit Cursor(BlockPtr block) : block_(std::move(block)) {}

  Result<void> Start() {
    TRY(block_->Checked(block_->index().AllPostings(&ids_)));
    return Load();
  }
  bool done() const { return next_ >= ids_.size(); }
  const model::Labels& labels() const { return series_.labels; }

  // Adds the chunks of the series and goes to the next one.
  Result<void> Take(std::vector<Piece>* out) {
    TRY(block_->Checked(AddChunks(out)));
    ++next_;
    return Load();
  }

 private:
  Result<void> AddChunks(std::vector<Piece>* out) {
    const auto* deleted = block_->DeletedOf(ids_[next_]);
    for (const ChunkMeta& meta : series_.chunks) {
      Piece piece{meta.mint, meta.maxt, TRY(block_->ReadChunk(meta.ref)), {}};
      if (deleted == nullptr || !Touches(*deleted, meta.mint, meta.maxt)) {
        out->push_back(std::move(piece));
        continue;
      }
      if (Covers(*deleted, meta.mint, meta.maxt)) continue;
      for (Piece& kept : TRY(Rewrite({piece.chunk}, *deleted))) out->push_back(std::move(kept));
    }
    return {};
  }
  Result<void> Load() {
    if (done()) return {};
    return block_->Checked(block_->index().ReadSeries(ids_[next_], true, &series_));
  }

  BlockPtr block_;
  std::vector<uint32_t> ids_;
  size_t next_ = 0;
  IndexedSeries series_;
};

Result<std::vector<std::string>> AllSymbols(const BlockList& blocks) {
  std::vector<std::string> symbols;
  for (const BlockPtr& block : blocks) {
    for (uint64_t i = 0; i < block->index().symbol_count(); ++i) {
      symbols.emplace_back(TRY(block->index().Symbol(i)));
    }
  }
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
  return symbols;
}

BlockMeta MetaOf(const BlockList& blocks) {
  BlockMeta meta;
  meta.min_time = blocks.front()->meta().min_time;
  std::set<std::string> sources;
  for (const BlockPtr& block : blocks) {
    const BlockMeta& parent = block->meta();
    meta.min_time = std::min(meta.min_time, parent.min_time);
    meta.max_time = std::max(meta.max_time, parent.max_time);
    meta.level = std::max(meta.level, parent.level + 1);
    sources.insert(parent.sources.begin(), parent.sources.end());
    meta.parents.push_back({parent.ulid, parent.min_time, parent.max_time});
  }
  bool late = std::all_of(blocks.begin(), blocks.end(),
                          [](const BlockPtr& block) { return FromOutOfOrder(block->meta()); });
  if (late) meta.hints.emplace_back(kOutOfOrderHint);
  meta.sources.assign(sources.begin(), sources.end());
  return meta;
}

Result<void> WriteMerged(std::vector<Cursor>& cursors, BlockWriter& writer) {
  auto later = [&](size_t a, size_t b) {
    int order = cursors[a].labels().Compare(cursors[b].labels());
    return order != 0 ? order > 0 : a > b;
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> heap(later);
  for (size_t i = 0; i < cursors.size(); ++i) {
    if (!cursors[i].done()) heap.push(i);
  }
  while (!heap.empty()) {
    model::Labels labels = cursors[heap.top()].labels();
    std::vector<Piece> pieces;
    while (!heap.empty() && cursors[heap.top()].labels() == labels) {
      size_t i = heap.top();
      heap.pop();
      TRY(cursors[i].Take(&pieces));
      if (!cursors[i].done()) heap.push(i);
    }
    auto flat = TRY(FlattenChunks(std::move(pieces), [](const std::vector<EncodedChunk>& group) {
      return Rewrite(group, {});
    }));
    std::vector<BlockChunk> chunks;
    for (const Piece& piece : flat) chunks.push_back({piece.mint, piece.maxt, piece.view()});
    if (!chunks.empty()) TRY(writer.AddSeries(labels, chunks));
  }
  return {};
}

}  // namespace

Result<std::optional<BlockMeta>> MergeBlocks(const BlockList& blocks, const std::string& directory,
                                             int64_t now_ms) {
  BlockMeta meta = MetaOf(blocks);
  std::vector<Cursor> cursors;
  for (const BlockPtr& block : ByPrecedence(blocks)) {
    cursors.emplace_back(block);
    TRY(cursors.back().Start());
  }
  std::vector<std::string> symbols = TRY(AllSymbols(blocks));
  BlockWriter writer = TRY(BlockWriter::Create(directory, NewUlid(now_ms), std::move(symbols)));
  TRY(WriteMerged(cursors, writer));
  if (writer.series() == 0) return std::optional<BlockMeta>();
  TRY(writer.Finish(&meta));
  return std::optional(std::move(meta));
}

}  // namespace slurmscope::tsdb
