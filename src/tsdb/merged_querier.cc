#include "tsdb/merged_querier.h"

#include <algorithm>
#include <unordered_map>

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
struct MergedSeries {
  uint32_t first = 0;  // in the list of places
  uint32_t count = 0;
};

class MergedSet final : public model::SeriesSet {
 public:
  MergedSet(std::vector<SetPtr> parts, std::vector<MergedSeries> series, std::vector<Place> places)
      : parts_(std::move(parts)), series_(std::move(series)), places_(std::move(places)) {}

  size_t size() const override { return series_.size(); }
  Labels LabelsAt(size_t index) const override {
    const Place& place = places_[series_[index].first];
    return parts_[place.part]->LabelsAt(place.index);
  }
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
  // Each part groups its own series; the groups of all are matched by their labels.
  model::LabelGroups GroupBy(const std::vector<std::string>& names, bool without) const override {
    std::vector<model::LabelGroups> of_part;
    for (const SetPtr& part : parts_) of_part.push_back(part->GroupBy(names, without));
    std::vector<std::vector<uint32_t>> number;  // plus one, by part and its group
    number.reserve(of_part.size());
    for (const auto& groups : of_part) number.emplace_back(groups.groups.size());
    std::unordered_map<Labels, uint32_t> known;
    model::LabelGroups result;
    result.group_of.reserve(series_.size());
    for (const MergedSeries& series : series_) {
      const Place& place = places_[series.first];
      uint32_t group = of_part[place.part].group_of[place.index];
      uint32_t& plus_one = number[place.part][group];
      if (plus_one == 0) {
        Labels& labels = of_part[place.part].groups[group];
        auto [it, added] = known.try_emplace(labels, static_cast<uint32_t>(known.size()));
        if (added) result.groups.push_back(std::move(labels));
        plus_one = it->second + 1;
      }
      result.group_of.push_back(plus_one - 1);
    }
    return result;
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

// Walks sorted sets side by side; there are few. Labels are held of one series of each.
class SetMerger {
 public:
  explicit SetMerger(std::vector<SetPtr> parts) : parts_(std::move(parts)), fronts_(parts_.size()) {
    for (uint32_t part = 0; part < parts_.size(); ++part) Load(part);
  }

  SetPtr Run() {
    while (const Front* least = Least()) {
      const Labels labels = least->labels;
      series_.push_back({static_cast<uint32_t>(places_.size()), 0});
      for (uint32_t part = 0; part < parts_.size(); ++part) {
        Front& front = fronts_[part];
        if (front.ended || !(front.labels == labels)) continue;
        places_.push_back({part, front.index++});
        ++series_.back().count;
        Load(part);
      }
    }
    return std::make_unique<MergedSet>(std::move(parts_), std::move(series_), std::move(places_));
  }

 private:
  struct Front {
    Labels labels;
    uint32_t index = 0;
    bool ended = false;
  };
  void Load(uint32_t part) {
    Front& front = fronts_[part];
    front.ended = front.index >= parts_[part]->size();
    if (!front.ended) front.labels = parts_[part]->LabelsAt(front.index);
  }
  const Front* Least() const {
    const Front* least = nullptr;
    for (const Front& front : fronts_) {
      bool less = !front.ended && (least == nullptr || front.labels < least->labels);
      if (less) least = &front;
    }
    return least;
  }

  std::vector<SetPtr> parts_;
  std::vector<Front> fronts_;  // the next series of each part
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
    for (const auto& part : parts_) sets.push_back(TRY(part->Select(true, hints, matchers)));
    // Only now: other systems have all been asked by then, and one waits for their answers here.
    std::erase_if(sets, [](const SetPtr& set) { return set->size() == 0; });
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
