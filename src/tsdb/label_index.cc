#include "tsdb/label_index.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

constexpr size_t kArenaBlock = 64 * 1024;
constexpr size_t kMaxLabels = 65535;

}  // namespace

void IdTable::Place(Slot slot) {
  size_t mask = slots_.size() - 1;
  size_t i = slot.tag & mask;
  while (slots_[i].id_plus_one != 0) i = (i + 1) & mask;
  slots_[i] = slot;
}

void IdTable::GrowTable() {
  std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(std::max<size_t>(old.size() * 2, 64));
  for (Slot slot : old) {
    if (slot.id_plus_one != 0) Place(slot);
  }
}

void IdTable::Insert(uint64_t hash, uint32_t id) {
  if ((used_ + 1) * 4 > slots_.size() * 3) GrowTable();
  Place({static_cast<uint32_t>(hash), id + 1});
  ++used_;
}

uint64_t LabelIndex::HashPair(std::string_view name, std::string_view value) {
  return base::Hash64(value) * 0x9E3779B97F4A7C15u + base::Hash64(name);
}

std::string_view LabelIndex::Store(std::string_view text) {
  if (text.size() > kArenaBlock / 4) {
    // A block of its own, put below the one being filled.
    auto block = std::make_unique<char[]>(text.size());
    std::memcpy(block.get(), text.data(), text.size());
    std::string_view stored(block.get(), text.size());
    arena_.insert(arena_.begin(), std::move(block));
    return stored;
  }
  if (text.size() > arena_left_) {
    arena_.push_back(std::make_unique<char[]>(kArenaBlock));
    arena_left_ = kArenaBlock;
  }
  char* place = arena_.back().get() + (kArenaBlock - arena_left_);
  if (!text.empty()) std::memcpy(place, text.data(), text.size());
  arena_left_ -= text.size();
  return {place, text.size()};
}

NameId LabelIndex::AddName(std::string_view name) {
  if (auto id = FindName(name)) return *id;
  auto id = static_cast<NameId>(names_.size());
  names_.push_back({std::string(name), {}});
  name_ids_.emplace(names_.back().text, id);
  return id;
}

std::optional<NameId> LabelIndex::FindName(std::string_view name) const {
  auto it = name_ids_.find(name);
  if (it == name_ids_.end()) return std::nullopt;
  return it->second;
}

std::optional<PairId> LabelIndex::FindPair(std::string_view name, std::string_view value) const {
  return pair_table_.Find(HashPair(name, value), [&](PairId id) {
    return pairs_[id].value == value && pairs_[id].name == name;
  });
}

std::optional<PairId> LabelIndex::AddPair(std::string_view name, std::string_view value) {
  if (auto id = FindPair(name, value)) return id;
  size_t index = pairs_.Grow(1);
  if (index == pairs_.npos) return std::nullopt;
  auto id = static_cast<PairId>(index);
  NameId name_id = AddName(name);
  LabelPair& pair = pairs_[id];
  pair.name = names_[name_id].text;
  pair.value = Store(value);
  pair.name_id = name_id;
  names_[name_id].pairs.push_back(id);
  pair_table_.Insert(HashPair(name, value), id);
  return id;
}

std::optional<LabelRange> LabelIndex::Add(const model::Labels& labels) {
  size_t count = labels.size();
  if (count > kMaxLabels) return std::nullopt;
  size_t first = series_pairs_.Grow(count);
  if (first == series_pairs_.npos) return std::nullopt;
  size_t i = first;
  for (model::Label label : labels) {
    auto id = AddPair(label.name, label.value);
    if (!id) return std::nullopt;
    series_pairs_[i++] = *id;
  }
  return LabelRange{static_cast<uint32_t>(first), static_cast<uint16_t>(count)};
}

bool LabelIndex::Equal(LabelRange range, const model::Labels& labels) const {
  uint32_t i = 0;
  for (model::Label label : labels) {
    if (i == range.count) return false;
    const LabelPair& mine = pairs_[series_pairs_[range.first + i++]];
    if (mine.name != label.name || mine.value != label.value) return false;
  }
  return i == range.count;
}

model::Labels LabelIndex::LabelsOf(LabelRange range) const {
  std::vector<std::pair<std::string_view, std::string_view>> views;
  views.reserve(range.count);
  for (uint32_t i = 0; i < range.count; ++i) {
    const LabelPair& pair = pairs_[series_pairs_[range.first + i]];
    views.emplace_back(pair.name, pair.value);
  }
  return model::Labels::FromPairs(std::move(views));
}

void LabelIndex::Publish(SeriesId series, LabelRange range) {
  for (uint32_t i = 0; i < range.count; ++i) {
    auto& postings = pairs_[series_pairs_[range.first + i]].postings;
    // Series are mostly published in the order they were made.
    auto place = postings.end();
    if (!postings.empty() && postings.back() > series) {
      place = std::lower_bound(postings.begin(), postings.end(), series);
    }
    postings.insert(place, series);
  }
}

const std::vector<PairId>* LabelIndex::PairsOfName(std::string_view name) const {
  auto id = FindName(name);
  return id ? &names_[*id].pairs : nullptr;
}

}  // namespace slurmscope::tsdb
