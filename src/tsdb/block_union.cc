#include "tsdb/block_union.h"

#include <algorithm>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

using base::ByteReader;
using base::Result;

// A series whose places lie behind each other.
struct Item {
  std::string_view labels;  // as the first of its blocks has them
  uint32_t block = 0;
  uint32_t first = 0;
  uint32_t count = 0;
};
struct List {
  std::vector<Item> items;
  std::vector<SeriesPlace> places;
};

// Merges neighbours two and two, so that a series which all blocks have is compared once for each.
class Merger {
 public:
  Merger(const std::vector<BlockPtr>& blocks, const std::vector<std::vector<uint32_t>>& ids)
      : blocks_(blocks), ids_(ids) {}

  Result<List> Run(size_t begin, size_t end) {
    if (end - begin == 1) return blocks_[begin]->Checked(Leaf(begin));
    size_t middle = begin + (end - begin) / 2;
    List a = TRY(Run(begin, middle));
    List b = TRY(Run(middle, end));
    if (a.items.empty()) return b;
    if (b.items.empty()) return a;
    return Merge(a, b);
  }

 private:
  Result<List> Leaf(size_t block) {
    const IndexReader& index = blocks_[block]->index();
    auto number = static_cast<uint32_t>(block);
    List list;
    list.items.reserve(ids_[block].size());
    list.places.reserve(ids_[block].size());
    for (uint32_t id : ids_[block]) {
      IndexEntry entry = TRY(index.ReadEntry(id));
      list.items.push_back({entry.labels, number, static_cast<uint32_t>(list.places.size()), 1});
      list.places.push_back({number, id});
    }
    return list;
  }

  List Merge(const List& a, const List& b) {
    List out;
    out.items.reserve(std::max(a.items.size(), b.items.size()));
    out.places.reserve(a.places.size() + b.places.size());
    auto first = a.items.begin();
    auto second = b.items.begin();
    while (first != a.items.end() || second != b.items.end()) {
      int order = first == a.items.end()    ? 1
                  : second == b.items.end() ? -1
                                            : Compare(*first, *second);
      Item item = order <= 0 ? *first : *second;
      auto start = static_cast<uint32_t>(out.places.size());
      if (order <= 0) AddPlaces(a, *first++, &out);
      if (order >= 0) AddPlaces(b, *second++, &out);
      item.first = start;
      item.count = static_cast<uint32_t>(out.places.size()) - start;
      out.items.push_back(item);
    }
    return out;
  }

  static void AddPlaces(const List& from, const Item& item, List* out) {
    auto begin = from.places.begin() + item.first;
    out->places.insert(out->places.end(), begin, begin + item.count);
  }

  int Compare(const Item& a, const Item& b) const {
    const IndexReader& left = blocks_[a.block]->index();
    const IndexReader& right = blocks_[b.block]->index();
    return IndexReader::CompareLabels(left, a.labels, right, b.labels);
  }

  const std::vector<BlockPtr>& blocks_;
  const std::vector<std::vector<uint32_t>>& ids_;
};

}  // namespace

Result<SeriesUnion> UniteSeries(const std::vector<BlockPtr>& blocks,
                                const std::vector<std::vector<uint32_t>>& ids) {
  SeriesUnion out;
  if (blocks.empty()) return out;
  List list = TRY(Merger(blocks, ids).Run(0, blocks.size()));
  out.places = std::move(list.places);
  out.starts.reserve(list.items.size() + 1);
  for (const Item& item : list.items) out.starts.push_back(item.first + item.count);
  return out;
}

void SeriesGrouper::Add(const IndexReader& index, uint32_t block, uint32_t id) {
  OfBlock& known = known_[block];
  key_.clear();
  ByteReader numbers(index.EntryOf(id).labels);
  while (!numbers.empty()) {
    std::string_view from = numbers.rest();
    uint64_t name = numbers.Uvarint();
    numbers.Uvarint();
    auto [it, is_new] = known.chosen.try_emplace(name, false);
    if (is_new) {
      bool named =
          std::find(names_.begin(), names_.end(), index.Symbol(name).value_or("")) != names_.end();
      it->second = named != without_;
    }
    if (it->second) key_.append(from, 0, from.size() - numbers.remaining());
  }
  auto [it, is_new] = known.groups.try_emplace(key_, 0);
  if (is_new) it->second = GroupOf(index.MakeLabels(key_));
  result_.group_of.push_back(it->second);
}

// The same labels have other symbols in other blocks.
uint32_t SeriesGrouper::GroupOf(model::Labels labels) {
  auto [it, is_new] = groups_.try_emplace(labels, static_cast<uint32_t>(groups_.size()));
  if (is_new) result_.groups.push_back(std::move(labels));
  return it->second;
}

}  // namespace slurmscope::tsdb
