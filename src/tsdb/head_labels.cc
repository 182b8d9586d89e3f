#include "tsdb/head_labels.h"

#include <algorithm>
#include <numeric>
#include <shared_mutex>
#include <utility>

namespace slurmscope::tsdb {
namespace {

// Fewer are sorted by comparing texts.
constexpr size_t kFewSeries = 64;

bool SmallerPair(const LabelPair& a, const LabelPair& b) {
  int order = a.name.compare(b.name);
  return order != 0 ? order < 0 : a.value < b.value;
}

// The pairs of series as ranks: a row for each series, a column for each place in its label set, 0
// behind its last one. So the order of the rows is that of the labels.
class RankTable {
 public:
  RankTable(const Head& head, const std::vector<SeriesId>& ids) : rows_(ids.size()) {
    const LabelIndex& index = head.index();
    for (SeriesId id : ids) columns_ = std::max<size_t>(columns_, head.series(id).labels().count);
    cells_.resize(rows_ * columns_);
    for (size_t i = 0; i < rows_; ++i) {
      LabelRange range = head.series(ids[i]).labels();
      const PairId* pairs = index.PairsOf(range);
      for (size_t k = 0; k < range.count; ++k) At(i, k) = NumberOf(pairs[k]) + 1;
    }
    std::vector<uint32_t> order(distinct_.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return SmallerPair(index.pair(distinct_[a]), index.pair(distinct_[b]));
    });
    std::vector<uint32_t> rank(order.size() + 1);
    for (uint32_t i = 0; i < order.size(); ++i) rank[order[i] + 1] = i + 1;
    for (uint32_t& cell : cells_) cell = rank[cell];
  }

  // The rows in order: a stable counting sort for each column, from the last to the first.
  std::vector<uint32_t> Sorted() const {
    std::vector<uint32_t> order(rows_);
    std::iota(order.begin(), order.end(), 0u);
    std::vector<uint32_t> next(rows_);
    std::vector<uint32_t> places;
    for (size_t column = columns_; column-- > 0;) {
      places.assign(distinct_.size() + 2, 0);
      for (size_t i = 0; i < rows_; ++i) ++places[At(i, column) + 1];
      if (places[At(0, column) + 1] == rows_) continue;  // the same in all
      std::partial_sum(places.begin(), places.end(), places.begin());
      for (uint32_t row : order) next[places[At(row, column)]++] = row;
      order.swap(next);
    }
    return order;
  }

 private:
  uint32_t& At(size_t row, size_t column) { return cells_[row * columns_ + column]; }
  uint32_t At(size_t row, size_t column) const { return cells_[row * columns_ + column]; }

  uint32_t NumberOf(PairId pair) {
    if (pair >= numbers_.size()) numbers_.resize(pair + pair / 2 + 1024);
    uint32_t& number = numbers_[pair];
    if (number == 0) {
      distinct_.push_back(pair);
      number = static_cast<uint32_t>(distinct_.size());
    }
    return number - 1;
  }

  size_t rows_;
  size_t columns_ = 0;
  std::vector<uint32_t> cells_;
  std::vector<PairId> distinct_;
  std::vector<uint32_t> numbers_;  // place in distinct_ + 1, by pair
};

// Numbers tuples of pairs as they come.
class TupleTable {
 public:
  // The number of a tuple, and whether it is a new one.
  std::pair<uint32_t, bool> NumberOf(const std::vector<PairId>& tuple) {
    if ((count_ + 1) * 2 > slots_.size()) Grow();
    size_t mask = slots_.size() - 1;
    uint64_t hash = HashOf(tuple);
    size_t place = hash & mask;
    for (; slots_[place].number_plus_one != 0; place = (place + 1) & mask) {
      const Slot& slot = slots_[place];
      if (slot.hash == hash && Equal(slot.number_plus_one - 1, tuple))
        return {slot.number_plus_one - 1, false};
    }
    slots_[place] = {hash, ++count_};
    texts_.insert(texts_.end(), tuple.begin(), tuple.end());
    ends_.push_back(static_cast<uint32_t>(texts_.size()));
    return {count_ - 1, true};
  }

 private:
  struct Slot {
    uint64_t hash = 0;
    uint32_t number_plus_one = 0;
  };
  static uint64_t HashOf(const std::vector<PairId>& tuple) {
    uint64_t hash = 0x9e3779b97f4a7c15;
    for (PairId pair : tuple) {
      hash = (hash ^ pair) * 0xff51afd7ed558ccd;
      hash ^= hash >> 32;
    }
    return hash;
  }
  bool Equal(uint32_t number, const std::vector<PairId>& tuple) const {
    uint32_t begin = number == 0 ? 0 : ends_[number - 1];
    return std::equal(tuple.begin(), tuple.end(), texts_.begin() + begin,
                      texts_.begin() + ends_[number]);
  }
  void Grow() {
    std::vector<Slot> old(std::max<size_t>(64, slots_.size() * 2));
    old.swap(slots_);
    size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.number_plus_one == 0) continue;
      size_t place = slot.hash & mask;
      while (slots_[place].number_plus_one != 0) place = (place + 1) & mask;
      slots_[place] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::vector<PairId> texts_;
  std::vector<uint32_t> ends_;
  uint32_t count_ = 0;
};

model::Labels LabelsOfPairs(const LabelIndex& index, const std::vector<PairId>& pairs) {
  std::vector<std::pair<std::string_view, std::string_view>> texts;
  for (PairId id : pairs) texts.emplace_back(index.pair(id).name, index.pair(id).value);
  return model::Labels::FromPairs(std::move(texts));
}

std::vector<NameId> NameIds(const Head& head, const std::vector<std::string>& names) {
  std::shared_lock lock(head.mutex());
  std::vector<NameId> ids;
  for (const std::string& name : names) {
    if (auto id = head.index().FindName(name)) ids.push_back(*id);
  }
  return ids;
}

}  // namespace

void SortByLabels(const Head& head, std::vector<SeriesId>* ids) {
  const LabelIndex& index = head.index();
  if (ids->size() < kFewSeries) {
    std::sort(ids->begin(), ids->end(), [&](SeriesId a, SeriesId b) {
      return index.Less(head.series(a).labels(), head.series(b).labels());
    });
    return;
  }
  std::vector<SeriesId> sorted;
  sorted.reserve(ids->size());
  for (uint32_t row : RankTable(head, *ids).Sorted()) sorted.push_back((*ids)[row]);
  ids->swap(sorted);
}

model::LabelGroups GroupByLabels(const Head& head, const std::vector<SeriesId>& ids,
                                 const std::vector<std::string>& names, bool without) {
  const LabelIndex& index = head.index();
  std::vector<NameId> wanted = NameIds(head, names);
  model::LabelGroups result;
  result.group_of.reserve(ids.size());
  if (!without && wanted.empty() && !ids.empty()) {
    result.group_of.assign(ids.size(), 0);
    result.groups.emplace_back();
    return result;
  }
  TupleTable table;
  std::vector<PairId> tuple;
  for (SeriesId id : ids) {
    LabelRange range = head.series(id).labels();
    const PairId* pairs = index.PairsOf(range);
    tuple.clear();
    for (size_t i = 0; i < range.count; ++i) {
      NameId name = index.pair(pairs[i]).name_id;
      bool named = std::find(wanted.begin(), wanted.end(), name) != wanted.end();
      if (named != without) tuple.push_back(pairs[i]);
    }
    auto [number, added] = table.NumberOf(tuple);
    if (added) result.groups.push_back(LabelsOfPairs(index, tuple));
    result.group_of.push_back(number);
  }
  return result;
}

}  // namespace slurmscope::tsdb
