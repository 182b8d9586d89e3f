#include "tsdb/label_index.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

constexpr size_t kArenaBlock = 64 * 1024;
constexpr size_t kMaxLabels = 65535;

// Texts are kept in steps of this, so that room that came free fits others.
size_t RoundedLength(std::string_view text) { return (text.size() + 7) / 8 * 8; }

}  // namespace

std::vector<model::Label> ViewsOf(const model::Labels& labels) {
  std::vector<model::Label> views;
  views.reserve(16);
  for (model::Label label : labels) views.push_back(label);
  return views;
}

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

void IdTable::Erase(uint64_t hash, uint32_t id) {
  size_t mask = slots_.size() - 1;
  size_t hole = static_cast<uint32_t>(hash) & mask;
  while (slots_[hole].id_plus_one != id + 1) hole = (hole + 1) & mask;
  // Later slots of the run move up where the hole lies between their home and them.
  for (size_t i = (hole + 1) & mask; slots_[i].id_plus_one != 0; i = (i + 1) & mask) {
    size_t home = slots_[i].tag & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --used_;
}

uint64_t LabelIndex::HashPair(uint64_t name_hash, std::string_view value) {
  return base::Hash64(value) * 0x9E3779B97F4A7C15u + name_hash;
}

char* LabelIndex::Allocate(size_t size) {
  if (auto it = free_texts_.find(size); it != free_texts_.end() && !it->second.empty()) {
    char* place = it->second.back();
    it->second.pop_back();
    return place;
  }
  if (size > kArenaBlock / 4) {
    // A block of its own, put below the one being filled.
    auto block = std::make_unique<char[]>(size);
    char* place = block.get();
    arena_.insert(arena_.begin(), std::move(block));
    return place;
  }
  if (size > arena_left_) {
    arena_.push_back(std::make_unique<char[]>(kArenaBlock));
    arena_left_ = kArenaBlock;
  }
  char* place = arena_.back().get() + (kArenaBlock - arena_left_);
  arena_left_ -= size;
  return place;
}

std::string_view LabelIndex::Store(std::string_view text) {
  if (text.empty()) return {};
  char* place = Allocate(RoundedLength(text));
  std::memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

NameId LabelIndex::AddName(std::string_view name) {
  if (auto id = FindName(name)) return *id;
  auto id = static_cast<NameId>(names_.size());
  uint64_t hash = base::Hash64(name);
  names_.push_back({std::string(name), hash, {}});
  name_table_.Insert(hash, id);
  return id;
}

std::optional<NameId> LabelIndex::FindName(std::string_view name) const {
  return name_table_.Find(base::Hash64(name), [&](NameId id) { return names_[id].text == name; });
}

std::optional<PairId> LabelIndex::FindPair(std::string_view name, std::string_view value) const {
  return pair_table_.Find(HashPair(base::Hash64(name), value), [&](PairId id) {
    return pairs_[id].value == value && pairs_[id].name == name;
  });
}

std::optional<PairId> LabelIndex::AddPair(model::Label label) {
  if (auto id = FindPair(label.name, label.value)) return id;
  size_t index = free_pairs_.empty() ? pairs_.Grow(1) : free_pairs_.back();
  if (index == pairs_.kFull) return std::nullopt;
  if (!free_pairs_.empty()) free_pairs_.pop_back();
  auto id = static_cast<PairId>(index);
  NameId name_id = AddName(label.name);
  LabelPair& pair = pairs_[id];
  pair.name = names_[name_id].text;
  pair.value = Store(label.value);
  pair.name_id = name_id;
  names_[name_id].pairs.push_back(id);
  pair_table_.Insert(HashPair(names_[name_id].hash, label.value), id);
  return id;
}

// Series come scrape by scrape, so most labels are those of the series before. `last` walks along
// its pairs, which are sorted by name too.
std::optional<PairId> LabelIndex::AddPairLikeLast(model::Label label, size_t* last) {
  for (; *last < last_added_.size(); ++*last) {
    const LabelPair& pair = pairs_[last_added_[*last]];
    if (pair.name < label.name) continue;
    if (pair.name == label.name && pair.value == label.value) return last_added_[*last];
    break;
  }
  return AddPair(label);
}

std::optional<LabelRange> LabelIndex::Add(LabelViews labels) {
  size_t count = labels.size();
  if (count > kMaxLabels) return std::nullopt;
  auto free_run = free_runs_.find(count);
  bool reuse = free_run != free_runs_.end() && !free_run->second.empty();
  size_t first = reuse ? free_run->second.back() : series_pairs_.Grow(count);
  if (first == series_pairs_.kFull) return std::nullopt;
  if (reuse) free_run->second.pop_back();
  size_t last = 0;
  for (size_t i = 0; i < count; ++i) {
    auto id = AddPairLikeLast(labels[i], &last);
    if (!id) return std::nullopt;
    ++pairs_[*id].users;
    series_pairs_[first + i] = *id;
  }
  const PairId* pairs = &series_pairs_[first];
  last_added_.assign(pairs, pairs + count);
  return LabelRange{static_cast<uint32_t>(first), static_cast<uint16_t>(count)};
}

bool LabelIndex::Equal(LabelRange range, LabelViews labels) const {
  if (range.count != labels.size()) return false;
  for (size_t i = 0; i < labels.size(); ++i) {
    const LabelPair& mine = pairs_[series_pairs_[range.first + i]];
    if (mine.value != labels[i].value || mine.name != labels[i].name) return false;
  }
  return true;
}

void LabelIndex::AppendPacked(LabelRange range, std::string* out) const {
  base::PutUvarint(*out, range.count);
  for (uint32_t i = 0; i < range.count; ++i) {
    const LabelPair& pair = pairs_[series_pairs_[range.first + i]];
    base::PutUvarintString(*out, pair.name);
    base::PutUvarintString(*out, pair.value);
  }
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
    PairId id = series_pairs_[range.first + i];
    auto& postings = pairs_[id].postings;
    // Series are mostly published in the order they were made.
    if (!postings.empty() && postings.back() > series) unsorted_.push_back(id);
    // There are many long lists: growing by half as much as a vector would is less to hold.
    size_t size = postings.size();
    if (size == postings.capacity() && size > 16) postings.reserve(size + size / 4);
    postings.push_back(series);
  }
}

void LabelIndex::EndPublish() {
  std::sort(unsorted_.begin(), unsorted_.end());
  unsorted_.erase(std::unique(unsorted_.begin(), unsorted_.end()), unsorted_.end());
  for (PairId id : unsorted_) {
    auto& postings = pairs_[id].postings;
    auto tail = std::is_sorted_until(postings.begin(), postings.end());
    std::sort(tail, postings.end());
    std::inplace_merge(postings.begin(), tail, postings.end());
  }
  unsorted_.clear();
}

// Each thread has the pairs whose ids are its own modulo their number.
void LabelIndex::PublishMany(const std::vector<SeriesId>& series,
                             const std::vector<LabelRange>& ranges, size_t threads) {
  auto publish = [&](size_t thread) {
    for (size_t i = 0; i < series.size(); ++i) {
      const PairId* pairs = PairsOf(ranges[i]);
      for (uint32_t k = 0; k < ranges[i].count; ++k) {
        if (pairs[k] % threads != thread) continue;
        LabelPair& pair = pairs_[pairs[k]];
        if (pair.postings.empty()) pair.postings.reserve(pair.users);
        pair.postings.push_back(series[i]);
      }
    }
  };
  std::vector<std::thread> others;
  for (size_t thread = 1; thread < threads; ++thread) others.emplace_back(publish, thread);
  publish(0);
  for (std::thread& other : others) other.join();
}

void LabelIndex::Unpublish(const std::vector<SeriesId>& series,
                           const std::vector<LabelRange>& ranges) {
  std::vector<bool> gone;
  for (SeriesId id : series) {
    if (id >= gone.size()) gone.resize(id + 1);
    gone[id] = true;
  }
  std::vector<bool> done(pairs_.size());
  for (LabelRange range : ranges) {
    for (uint32_t i = 0; i < range.count; ++i) {
      PairId pair = series_pairs_[range.first + i];
      if (done[pair]) continue;
      done[pair] = true;
      std::erase_if(pairs_[pair].postings,
                    [&](SeriesId id) { return id < gone.size() && gone[id]; });
    }
  }
}

void LabelIndex::Remove(const std::vector<LabelRange>& ranges) {
  std::vector<PairId> unused;
  for (LabelRange range : ranges) {
    for (uint32_t i = 0; i < range.count; ++i) {
      PairId id = series_pairs_[range.first + i];
      if (--pairs_[id].users == 0) unused.push_back(id);
    }
    if (range.count > 0) free_runs_[range.count].push_back(range.first);
  }
  std::vector<bool> names(names_.size());
  for (PairId id : unused) names[pairs_[id].name_id] = true;
  for (NameId name = 0; name < names.size(); ++name) {
    if (!names[name]) continue;
    std::erase_if(names_[name].pairs, [&](PairId id) { return pairs_[id].users == 0; });
  }
  last_added_.clear();
  for (PairId id : unused) RemovePair(id);
}

void LabelIndex::RemovePair(PairId id) {
  LabelPair& pair = pairs_[id];
  pair_table_.Erase(HashPair(names_[pair.name_id].hash, pair.value), id);
  if (!pair.value.empty()) {
    free_texts_[RoundedLength(pair.value)].push_back(const_cast<char*>(pair.value.data()));
  }
  pair = {};
  free_pairs_.push_back(id);
}

// Pairs are stored once, so equal ones have equal ids.
bool LabelIndex::Less(LabelRange a, LabelRange b) const {
  const PairId* left = PairsOf(a);
  const PairId* right = PairsOf(b);
  for (size_t i = 0; i < a.count && i < b.count; ++i) {
    if (left[i] == right[i]) continue;
    const LabelPair& x = pairs_[left[i]];
    const LabelPair& y = pairs_[right[i]];
    return x.name_id == y.name_id ? x.value < y.value : x.name < y.name;
  }
  return a.count < b.count;
}

const std::vector<PairId>* LabelIndex::PairsOfName(std::string_view name) const {
  auto id = FindName(name);
  return id ? &names_[*id].pairs : nullptr;
}

}  // namespace slurmscope::tsdb
