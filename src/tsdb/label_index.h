#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "tsdb/stable_array.h"

namespace slurmscope::tsdb {

// Ids from 0 up: of a series in the head, of a name=value pair, of a label name.
using SeriesId = uint32_t;
using PairId = uint32_t;
using NameId = uint32_t;

// A name=value pair that some series has. The views live as long as the index.
struct LabelPair {
  std::string_view name;
  std::string_view value;
  NameId name_id = 0;
  uint32_t users = 0;              // series with this pair, seen or not
  std::vector<SeriesId> postings;  // ascending; the series that queries may see
};

// Labels sorted by name, names unique, no empty values.
using LabelViews = std::span<const model::Label>;
std::vector<model::Label> ViewsOf(const model::Labels& labels);

// Where a series' pairs are.
struct LabelRange {
  uint32_t first = 0;
  uint16_t count = 0;
};

// Open addressing over 32 bits of a hash. The ids' owner decides what is equal.
class IdTable {
 public:
  // The id under `hash` for which `equal(id)` holds.
  template <typename Equal>
  std::optional<uint32_t> Find(uint64_t hash, Equal equal) const {
    if (slots_.empty()) return std::nullopt;
    auto tag = static_cast<uint32_t>(hash);
    size_t mask = slots_.size() - 1;
    for (size_t i = tag & mask; slots_[i].id_plus_one != 0; i = (i + 1) & mask) {
      if (slots_[i].tag == tag && equal(slots_[i].id_plus_one - 1))
        return slots_[i].id_plus_one - 1;
    }
    return std::nullopt;
  }
  // Brings the place of `hash` nearer.
  void Prefetch(uint64_t hash) const {
    if (!slots_.empty()) {
      __builtin_prefetch(&slots_[static_cast<uint32_t>(hash) & (slots_.size() - 1)]);
    }
  }
  // `id` must not be in the table.
  void Insert(uint64_t hash, uint32_t id);
  // `id` must be in the table under `hash`.
  void Erase(uint64_t hash, uint32_t id);

 private:
  struct Slot {
    uint32_t tag = 0;
    uint32_t id_plus_one = 0;
  };
  void Place(Slot slot);
  void GrowTable();
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

// The label sets of the series: every pair stored once, a series' labels as a run of pair ids.
// Changing it needs exclusive access; the queries below at least shared, but for LabelsOf and
// PairsOf, which need no lock for a series that was found under one.
class LabelIndex {
 public:
  // Stores a label set; nullopt when the index is full.
  std::optional<LabelRange> Add(LabelViews labels);
  bool Equal(LabelRange range, LabelViews labels) const;
  model::Labels LabelsOf(LabelRange range) const;
  // Appends number of labels, names and values as a series record of the log has them.
  void AppendPacked(LabelRange range, std::string* out) const;
  const uint32_t* PairsOf(LabelRange range) const { return &series_pairs_[range.first]; }
  const LabelPair& pair(PairId id) const { return pairs_[id]; }

  // Puts a series into the postings of its pairs. Lists that this left unsorted are sorted by
  // EndPublish.
  void Publish(SeriesId series, LabelRange range);
  void EndPublish();
  // The same for ascending `series` that come after all seen so far, by `threads` threads.
  void PublishMany(const std::vector<SeriesId>& series, const std::vector<LabelRange>& ranges,
                   size_t threads);
  // Takes series out of the postings of their pairs.
  void Unpublish(const std::vector<SeriesId>& series, const std::vector<LabelRange>& ranges);
  // Takes label sets back that nobody looks at any more, with the pairs that only they had.
  void Remove(const std::vector<LabelRange>& ranges);

  std::optional<PairId> FindPair(std::string_view name, std::string_view value) const;
  // All pairs of a name, also those without postings; nullptr when there is no such name.
  const std::vector<PairId>* PairsOfName(std::string_view name) const;
  std::optional<NameId> FindName(std::string_view name) const;

  size_t name_count() const { return names_.size(); }
  std::string_view name(NameId id) const { return names_[id].text; }
  const std::vector<PairId>& pairs_of(NameId id) const { return names_[id].pairs; }
  size_t pair_count() const { return pairs_.size(); }
  size_t used_pairs() const { return pairs_.size() - free_pairs_.size(); }
  // The order of model::Labels, without making labels. Needs no lock for series found under one.
  bool Less(LabelRange a, LabelRange b) const;

 private:
  struct Name {
    std::string text;
    uint64_t hash = 0;
    std::vector<PairId> pairs;
  };
  static uint64_t HashPair(uint64_t name_hash, std::string_view value);
  std::optional<PairId> AddPair(model::Label label);
  std::optional<PairId> AddPairLikeLast(model::Label label, size_t* last);
  NameId AddName(std::string_view name);
  char* Allocate(size_t size);
  std::string_view Store(std::string_view text);
  void RemovePair(PairId id);

  StableArray<uint32_t, 65536> series_pairs_;
  StableArray<LabelPair, 4096> pairs_;
  IdTable pair_table_;
  std::deque<Name> names_;
  IdTable name_table_;
  std::vector<PairId> last_added_;  // the pairs of the label set that Add saw last
  std::vector<std::unique_ptr<char[]>> arena_;
  size_t arena_left_ = 0;
  std::vector<PairId> unsorted_;
  std::vector<PairId> free_pairs_;
  std::unordered_map<size_t, std::vector<uint32_t>> free_runs_;  // by number of labels
  std::unordered_map<size_t, std::vector<char*>> free_texts_;    // by rounded length
};

}  // namespace slurmscope::tsdb
