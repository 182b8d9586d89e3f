#include "tsdb/head_querier.h"

#include <algorithm>
#include <mutex>

#include "tsdb/head_block.h"
#include "tsdb/head_labels.h"
#include "tsdb/select.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::Matcher;

class HeadSeriesSet final : public model::SeriesSet {
 public:
  HeadSeriesSet(const Head& head, HeadPart part, SharedPass pass, std::vector<SeriesId> ids,
                int64_t mint, int64_t maxt)
      : head_(head),
        part_(part),
        pass_(std::move(pass)),
        ids_(std::move(ids)),
        mint_(mint),
        maxt_(maxt) {}

  size_t size() const override { return ids_.size(); }
  model::Labels LabelsAt(size_t index) const override { return head_.LabelsOf(ids_[index]); }
  Result<void> Decode(size_t index, int64_t mint, int64_t maxt,
                      model::Columns* out) const override {
    out->Clear();
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    // Most of the time goes into waiting for memory.
    if (index + 4 < ids_.size()) __builtin_prefetch(&head_.series(ids_[index + 4]));
    if (index + 2 < ids_.size()) head_.series(ids_[index + 2]).PrefetchRead();
    if (part_ != HeadPart::kOutOfOrder) {
      TRY(head_.series(ids_[index]).Read(mint, maxt, head_.full_chunks(), out));
      head_.tombstones().RemoveFrom(ids_[index], out);
    }
    if (part_ == HeadPart::kInOrder) return {};
    return head_.ooo().Read(ids_[index], mint, maxt, out);
  }
  Result<void> DecodeNewest(size_t index, int64_t mint, int64_t maxt,
                            model::Columns* out) const override {
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    const Series& series = head_.series(ids_[index]);
    // Most of the time goes into waiting for memory.
    if (index + 2 < ids_.size()) __builtin_prefetch(&head_.series(ids_[index + 2]));
    bool in_order = part_ == HeadPart::kInOrder ||
                    (part_ == HeadPart::kAll && !head_.ooo().Overlaps(ids_[index], mint, maxt));
    if (auto newest = series.Newest(); in_order && newest && newest->t <= maxt) {
      out->Clear();
      if (newest->t < mint) return {};
      out->Append(newest->t, newest->v);
      head_.tombstones().RemoveFrom(ids_[index], out);
      if (out->size() > 0) return {};
    }
    return SeriesSet::DecodeNewest(index, mint, maxt, out);
  }
  model::LabelGroups GroupBy(const std::vector<std::string>& names, bool without) const override {
    return GroupByLabels(head_, ids_, names, without);
  }
  Result<void> Chunks(size_t index, int64_t mint, int64_t maxt,
                      std::vector<model::RawChunk>* out) const override {
    mint = std::max(mint, mint_);
    maxt = std::min(maxt, maxt_);
    *out = ToRawChunks(TRY(CopyHeadChunks(head_, ids_[index], part_, mint, maxt)));
    return {};
  }

 private:
  const Head& head_;
  const HeadPart part_;
  const SharedPass pass_;
  const std::vector<SeriesId> ids_;
  const int64_t mint_;
  const int64_t maxt_;
};

class HeadQuerier final : public model::Querier {
 public:
  HeadQuerier(const Head& head, HeadPart part, SharedPass pass, int64_t mint, int64_t maxt)
      : head_(head), part_(part), pass_(std::move(pass)), mint_(mint), maxt_(maxt) {}

  Result<std::unique_ptr<model::SeriesSet>> Select(bool sorted, const model::SelectHints& hints,
                                                   const std::vector<Matcher>& matchers) override {
    std::vector<SeriesId> ids = Matching(matchers);
    int64_t mint = std::max(mint_, hints.start);
    int64_t maxt = std::min(maxt_, hints.end);
    std::erase_if(ids, [&](SeriesId id) { return !head_.Overlaps(id, mint, maxt); });
    if (sorted) SortByLabels(head_, &ids);
    return std::make_unique<HeadSeriesSet>(head_, part_, pass_, std::move(ids), mint_, maxt_);
  }

  // As many as the rarest pair has. Where others hold the index it cannot be told at once.
  size_t AtMost(const std::vector<Matcher>& matchers) const override {
    std::shared_lock lock(head_.mutex(), std::try_to_lock);
    size_t most = kUnknown;
    if (!lock) return most;
    for (const Matcher& matcher : matchers) {
      if (matcher.type() != model::MatchType::kEqual || matcher.value().empty()) return kUnknown;
      auto pair = head_.index().FindPair(matcher.name(), matcher.value());
      most = std::min(most, pair ? head_.index().pair(*pair).postings.size() : size_t{0});
    }
    return most;
  }

  Result<std::vector<std::string>> LabelValues(const std::string& name,
                                               const std::vector<Matcher>& matchers,
                                               size_t limit) override {
    std::vector<std::string> values;
    if (!head_.Overlaps(mint_, maxt_)) return values;
    std::shared_lock lock(head_.mutex());
    const LabelIndex& index = head_.index();
    auto wanted = index.FindName(name);
    if (!wanted) return values;
    for (PairId id : matchers.empty() ? index.pairs_of(*wanted) : PairsSeen(matchers)) {
      const LabelPair& pair = index.pair(id);
      if (pair.name_id == *wanted && !pair.postings.empty()) values.emplace_back(pair.value);
    }
    return Sorted(std::move(values), limit);
  }

  Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                              size_t limit) override {
    std::vector<std::string> names;
    if (!head_.Overlaps(mint_, maxt_)) return names;
    std::shared_lock lock(head_.mutex());
    const LabelIndex& index = head_.index();
    std::vector<bool> seen(index.name_count());
    for (PairId id : PairsSeen(matchers)) seen[index.pair(id).name_id] = true;
    for (NameId id = 0; id < seen.size(); ++id) {
      if (seen[id]) names.emplace_back(index.name(id));
    }
    return Sorted(std::move(names), limit);
  }

 private:
  std::vector<SeriesId> Matching(const std::vector<Matcher>& matchers) const {
    std::shared_lock lock(head_.mutex());
    return SelectSeries(head_, matchers);
  }

  // The pairs of the series that match, each once. Under the head's lock.
  std::vector<PairId> PairsSeen(const std::vector<Matcher>& matchers) const {
    const LabelIndex& index = head_.index();
    std::vector<PairId> pairs;
    if (matchers.empty()) {
      for (PairId id = 0; id < index.pair_count(); ++id) {
        if (!index.pair(id).postings.empty()) pairs.push_back(id);
      }
      return pairs;
    }
    std::vector<bool> seen(index.pair_count());
    for (SeriesId id : SelectSeries(head_, matchers)) {
      LabelRange range = head_.series(id).labels();
      if (!head_.Overlaps(id, mint_, maxt_)) continue;
      for (size_t i = 0; i < range.count; ++i) seen[index.PairsOf(range)[i]] = true;
    }
    for (PairId id = 0; id < seen.size(); ++id) {
      if (seen[id]) pairs.push_back(id);
    }
    return pairs;
  }

  static std::vector<std::string> Sorted(std::vector<std::string> texts, size_t limit) {
    std::sort(texts.begin(), texts.end());
    if (limit > 0 && texts.size() > limit) texts.resize(limit);
    return texts;
  }

  const Head& head_;
  const HeadPart part_;
  const SharedPass pass_;
  const int64_t mint_;
  const int64_t maxt_;
};

}  // namespace

std::unique_ptr<model::Querier> NewHeadQuerier(const Head& head, HeadPart part, SharedPass pass,
                                               int64_t mint, int64_t maxt) {
  return std::make_unique<HeadQuerier>(head, part, std::move(pass), mint, maxt);
}

}  // namespace slurmscope::tsdb
