#include "tsdb/merged_querier.h"

#include <algorithm>
#include <queue>

#include "tsdb/block_querier.h"
#include "tsdb/chunk_codec.h"
#include "tsdb/merge.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Labels;
using model::Matcher;
using SetPtr = std::unique_ptr<model::SeriesSet>;

// Where one series of a part is.
struct Place {
  uint32_t part = 0;
  uint32_t index = 0;
};
// The labels are kept, as they had to be made to merge.
struct MergedSeries {
  Labels labels;
  uint32_t first = 0;  // in the list of places
  uint32_t count = 0;
};

class MergedSet final : public model::SeriesSet {
 public:
  MergedSet(std::vector<SetPtr> parts, std::vector<MergedSeries> series, std::vector<Place> places)
      : parts_(std::move(parts)), series_(std::move(series)), places_(std::move(places)) {}

  size_t size() const override { return series_.size(); }
  Labels LabelsAt(size_t index) const override { return series_[index].labels; }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                      model::Columns* out) const override {
    const MergedSeries& series = series_[index];
    out->Clear();
    model::Columns part;
    for (uint32_t i = 0; i < series.count; ++i) {
      const Place& place = places_[series.first + i];
      model::Columns* into = i == 0 ? out : &part;
      TRY(parts_[place.part]->Decode(place.index, mint, maxt, into));
      if (i > 0) MergeColumns(part, out);
    }
    return {};
  }
  // Of equal times the last part's counts, as when decoding all.
  Result<void> DecodeNewest(size_t index, int64_t mint, int64_t maxt,
                            model::Columns* out) const override {
    const MergedSeries& series = series_[index];
    out->Clear();
    model::Columns part;
    for (uint32_t i = series.count; i > 0; --i) {
      const Place& place = places_[series.first + i - 1];
      if (out->size() > 0 && out->t.back() >= maxt) return {};
      int64_t from = out->size() > 0 ? out->t.back() + 1 : mint;
      TRY(parts_[place.part]->DecodeNewest(place.index, from, maxt, &part));
      if (part.size() > 0) std::swap(*out, part);
    }
    return {};
  }
  Result<void> Chunks(size_t index, int64_t mint, int64_t maxt,
                      std::vector<model::RawChunk>* out) const override {
    const MergedSeries& series = series_[index];
    std::vector<ChunkCopy> all;
    for (uint32_t i = 0; i < series.count; ++i) {
      const Place& place = places_[series.first + i];
      TRY(parts_[place.part]->Chunks(place.index, mint, maxt, out));
      for (model::RawChunk& chunk : *out) {
        all.push_back({chunk.mint, chunk.maxt, std::move(chunk.bytes), chunk.encoding});
      }
    }
    *out = ToRawChunks(TRY(FlattenChunks(std::move(all))));
    return {};
  }

 private:
  const std::vector<SetPtr> parts_;
  const std::vector<MergedSeries> series_;
  const std::vector<Place> places_;
};

// Walks sorted sets side by side.
class SetMerger {
 public:
  explicit SetMerger(std::vector<SetPtr> parts) : parts_(std::move(parts)) {
    for (uint32_t part = 0; part < parts_.size(); ++part) Push(part, 0);
  }

  SetPtr Run() {
    while (!heap_.empty()) {
      Head next = std::move(const_cast<Head&>(heap_.top()));
      heap_.pop();
      Push(next.place.part, next.place.index + 1);
      bool same = !series_.empty() && series_.back().labels == next.labels;
      if (!same)
        series_.push_back({std::move(next.labels), static_cast<uint32_t>(places_.size()), 0});
      places_.push_back(next.place);
      ++series_.back().count;
    }
    return std::make_unique<MergedSet>(std::move(parts_), std::move(series_), std::move(places_));
  }

 private:
  struct Head {
    Labels labels;
    Place place;
    bool operator<(const Head& other) const {
      int order = labels.Compare(other.labels);
      return order != 0 ? order > 0 : place.part > other.place.part;
    }
  };
  void Push(uint32_t part, uint32_t index) {
    if (index < parts_[part]->size()) heap_.push({parts_[part]->LabelsAt(index), {part, index}});
  }

  std::vector<SetPtr> parts_;
  std::priority_queue<Head> heap_;
  std::vector<MergedSeries> series_;
  std::vector<Place> places_;
};

using Texts = std::vector<std::string>;

class MergedQuerier final : public model::Querier {
 public:
  explicit MergedQuerier(std::vector<std::unique_ptr<model::Querier>> parts)
      : parts_(std::move(parts)) {}

  Result<SetPtr> Select(bool sorted, const model::SelectHints& hints,
                        const std::vector<Matcher>& matchers) override {
    if (parts_.size() == 1) return parts_[0]->Select(sorted, hints, matchers);
    std::vector<SetPtr> sets;
    for (const auto& part : parts_) {
      SetPtr set = TRY(part->Select(true, hints, matchers));
      if (set->size() > 0) sets.push_back(std::move(set));
    }
    if (sets.size() == 1) return std::move(sets[0]);
    return SetMerger(std::move(sets)).Run();
  }

  Result<Texts> LabelValues(const std::string& name, const std::vector<Matcher>& matchers,
                            size_t limit) override {
    return Union(limit,
                 [&](model::Querier& part) { return part.LabelValues(name, matchers, limit); });
  }
  Result<Texts> LabelNames(const std::vector<Matcher>& matchers, size_t limit) override {
    return Union(limit, [&](model::Querier& part) { return part.LabelNames(matchers, limit); });
  }
  Texts Warnings() const override {
    Texts all;
    for (const auto& part : parts_) {
      Texts some = part->Warnings();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

 private:
  template <typename Ask>
  Result<Texts> Union(size_t limit, Ask ask) {
    Texts all;
    for (const auto& part : parts_) {
      Texts texts = TRY(ask(*part));
      size_t middle = all.size();
      all.insert(all.end(), std::make_move_iterator(texts.begin()),
                 std::make_move_iterator(texts.end()));
      std::inplace_merge(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(middle), all.end());
      all.erase(std::unique(all.begin(), all.end()), all.end());
    }
    if (limit > 0 && all.size() > limit) all.resize(limit);
    return all;
  }

  std::vector<std::unique_ptr<model::Querier>> parts_;
};

}  // namespace

std::unique_ptr<model::Querier> NewMergedQuerier(
    std::vector<std::unique_ptr<model::Querier>> parts) {
  return std::make_unique<MergedQuerier>(std::move(parts));
}

std::unique_ptr<model::Querier> NewStorageQuerier(const BlockList& blocks, const Head& head,
                                                  SharedPass pass, int64_t mint, int64_t maxt) {
  BlockList in_order;
  BlockList late;
  for (const BlockPtr& block : ByPrecedence(blocks)) {
    if (!block->Overlaps(mint, maxt)) continue;
    (FromOutOfOrder(block->meta()) ? late : in_order).push_back(block);
  }
  bool with_head = head.Overlaps(mint, maxt) || (in_order.empty() && late.empty());
  // Blocks out of order may lie in time that the head has in order: they go between its parts.
  bool split = with_head && !late.empty();
  if (!split) in_order.insert(in_order.end(), late.begin(), late.end());
  std::vector<std::unique_ptr<model::Querier>> parts;
  if (!in_order.empty()) parts.push_back(NewBlockQuerier(std::move(in_order), mint, maxt));
  if (with_head) {
    HeadPart part = split ? HeadPart::kInOrder : HeadPart::kAll;
    parts.push_back(NewHeadQuerier(head, part, pass, mint, maxt));
  }
  if (split) {
    parts.push_back(NewBlockQuerier(std::move(late), mint, maxt));
    parts.push_back(NewHeadQuerier(head, HeadPart::kOutOfOrder, pass, mint, maxt));
  }
  if (parts.size() == 1) return std::move(parts[0]);
  return NewMergedQuerier(std::move(parts));
}

}  // namespace slurmscope::tsdb
