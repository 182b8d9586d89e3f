#include "tsdb/block_querier.h"

#include <algorithm>

#include "base/bytes.h"
#include "tsdb/block_select.h"
#include "tsdb/block_series_set.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Matcher;
using Ids = std::vector<uint32_t>;
using Texts = std::vector<std::string>;

// Whether a chunk is in the window of which something is left.
bool ChunksOverlap(const std::vector<ChunkMeta>& chunks, const Intervals* deleted, int64_t mint,
                   int64_t maxt) {
  return std::any_of(chunks.begin(), chunks.end(), [&](const ChunkMeta& chunk) {
    bool inside = chunk.mint <= maxt && chunk.maxt >= mint;
    return inside && (deleted == nullptr || !Covers(*deleted, chunk.mint, chunk.maxt));
  });
}

// The series that match and may have samples in the window.
Result<Ids> SelectIn(const Block& block, const std::vector<Matcher>& matchers, int64_t mint,
                     int64_t maxt) {
  Ids ids = TRY(SelectSeries(block.index(), matchers));
  bool whole = mint <= block.meta().min_time && maxt >= block.meta().max_time - 1;
  if (whole && block.tombstones().empty()) return ids;
  std::vector<ChunkMeta> chunks;
  size_t kept = 0;
  for (uint32_t id : ids) {
    IndexEntry entry = TRY(block.index().ReadEntry(id));
    TRY(IndexReader::ReadChunks(entry.chunks, &chunks));
    if (ChunksOverlap(chunks, block.DeletedOf(id), mint, maxt)) ids[kept++] = id;
  }
  ids.resize(kept);
  return ids;
}

// Calls fn(name, value) with the symbols of each label of the series, again and again.
template <typename Fn>
Result<void> ForEachLabel(const IndexReader& index, const Ids& ids, Fn fn) {
  for (uint32_t id : ids) {
    base::ByteReader numbers(TRY(index.ReadEntry(id)).labels);
    while (!numbers.empty()) {
      uint64_t name = numbers.Uvarint();
      fn(name, numbers.Uvarint());
    }
  }
  return {};
}

Result<Texts> Named(const IndexReader& index, const std::vector<bool>& symbols) {
  Texts texts;
  for (uint64_t number = 0; number < symbols.size(); ++number) {
    if (symbols[number]) texts.emplace_back(TRY(index.Symbol(number)));
  }
  return texts;
}

Result<Texts> ValuesIn(const IndexReader& index, const std::string& name, const Ids& ids) {
  enum : char { kUnknown, kNo, kYes };
  std::vector<char> wanted(index.symbol_count(), kUnknown);
  std::vector<bool> seen(index.symbol_count());
  TRY(ForEachLabel(index, ids, [&](uint64_t label, uint64_t value) {
    if (wanted[label] == kUnknown)
      wanted[label] = index.Symbol(label).value_or("") == name ? kYes : kNo;
    if (wanted[label] == kYes) seen[value] = true;
  }));
  return Named(index, seen);
}

Result<Texts> NamesIn(const IndexReader& index, const Ids& ids) {
  std::vector<bool> seen(index.symbol_count());
  TRY(ForEachLabel(index, ids, [&](uint64_t label, uint64_t) { seen[label] = true; }));
  return Named(index, seen);
}

class BlockQuerier final : public model::Querier {
 public:
  BlockQuerier(std::vector<BlockPtr> blocks, int64_t mint, int64_t maxt)
      : blocks_(std::move(blocks)), mint_(mint), maxt_(maxt) {}

  // Sorted either way: so are the blocks.
  Result<std::unique_ptr<model::SeriesSet>> Select(bool /*sorted*/, const model::SelectHints& hints,
                                                   const std::vector<Matcher>& matchers) override {
    int64_t mint = std::max(mint_, hints.start);
    int64_t maxt = std::min(maxt_, hints.end);
    std::vector<Ids> ids(blocks_.size());
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Block& block = *blocks_[i];
      if (block.Overlaps(mint, maxt))
        ids[i] = TRY(block.Checked(SelectIn(block, matchers, mint, maxt)));
    }
    SeriesUnion series = TRY(UniteSeries(blocks_, ids));
    return NewBlockSeriesSet(blocks_, std::move(series), mint_, maxt_);
  }

  Result<Texts> LabelValues(const std::string& name, const std::vector<Matcher>& matchers,
                            size_t limit) override {
    return Union(limit, [&](const Block& block) -> Result<Texts> {
      const IndexReader::Name* entry = block.index().FindName(name);
      if (entry == nullptr) return Texts();
      if (!matchers.empty())
        return ValuesIn(block.index(), name, TRY(SelectIn(block, matchers, mint_, maxt_)));
      Texts values;
      for (size_t i = 0; i < entry->entries.size(); ++i)
        values.emplace_back(block.index().Value(*entry, i));
      return values;
    });
  }

  Result<Texts> LabelNames(const std::vector<Matcher>& matchers, size_t limit) override {
    return Union(limit, [&](const Block& block) -> Result<Texts> {
      if (!matchers.empty())
        return NamesIn(block.index(), TRY(SelectIn(block, matchers, mint_, maxt_)));
      Texts names;
      for (const auto& entry : block.index().names()) names.emplace_back(entry.name);
      return names;
    });
  }

 private:
  template <typename Ask>
  Result<Texts> Union(size_t limit, Ask ask) {
    Texts all;
    for (const BlockPtr& block : blocks_) {
      Texts texts = TRY(block->Checked(ask(*block)));
      std::move(texts.begin(), texts.end(), std::back_inserter(all));
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    if (limit > 0 && all.size() > limit) all.resize(limit);
    return all;
  }

  const std::vector<BlockPtr> blocks_;
  const int64_t mint_;
  const int64_t maxt_;
};

}  // namespace

std::unique_ptr<model::Querier> NewBlockQuerier(std::vector<BlockPtr> blocks, int64_t mint,
                                                int64_t maxt) {
  return std::make_unique<BlockQuerier>(std::move(blocks), mint, maxt);
}

}  // namespace slurmscope::tsdb
