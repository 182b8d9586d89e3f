#include "tsdb/exemplar_store.h"

#include <algorithm>
#include <bit>

namespace slurmscope::tsdb {
namespace {

using model::Exemplar;
using model::ExemplarStatus;
using model::Labels;

// Characters of all names and values, at most one over the limit.
size_t CountRunes(const Labels& labels) {
  size_t runes = 0;
  auto count = [&](std::string_view text) {
    for (char c : text) runes += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  };
  for (model::Label label : labels) {
    count(label.name);
    count(label.value);
    if (runes > model::kMaxExemplarRunes) break;
  }
  return runes;
}

bool Same(const Exemplar& a, const Exemplar& b) {
  bool same_time = a.has_timestamp == b.has_timestamp && (!a.has_timestamp || a.t == b.t);
  return same_time && std::bit_cast<uint64_t>(a.value) == std::bit_cast<uint64_t>(b.value) &&
         a.labels == b.labels;
}

bool Before(const Exemplar& a, const Exemplar& b) {
  if (a.t != b.t) return a.t < b.t;
  if (a.value != b.value) return a.value < b.value;
  return a.labels.Hash() < b.labels.Hash();
}

bool Matches(const Labels& labels, const std::vector<model::Matcher>& matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

}  // namespace

ExemplarStatus ExemplarStore::CheckLocked(const Labels& series, const Exemplar& exemplar,
                                          bool* known) const {
  *known = false;
  if (capacity_ == 0) return ExemplarStatus::kDisabled;
  if (CountRunes(exemplar.labels) > model::kMaxExemplarRunes) return ExemplarStatus::kTooLong;
  auto it = index_.find(series);
  if (it == index_.end()) return ExemplarStatus::kOk;
  const Exemplar& newest = ring_[it->second.newest].exemplar;
  *known = Same(newest, exemplar);
  if (!*known && Before(exemplar, newest)) return ExemplarStatus::kOutOfOrder;
  return ExemplarStatus::kOk;
}

ExemplarStatus ExemplarStore::Check(const Labels& series, const Exemplar& exemplar, bool* known) {
  std::lock_guard lock(mutex_);
  ExemplarStatus status = CheckLocked(series, exemplar, known);
  if (status == ExemplarStatus::kOutOfOrder) ++out_of_order_;
  return status;
}

uint32_t ExemplarStore::FreeSlot() {
  if (ring_.size() < capacity_) {
    ring_.emplace_back();
    return static_cast<uint32_t>(ring_.size() - 1);
  }
  auto slot = static_cast<uint32_t>(next_);
  next_ = (next_ + 1) % capacity_;
  // It is the oldest one of its series.
  Index::value_type* series = ring_[slot].series;
  series->second.oldest = ring_[slot].next;
  if (ring_[slot].next == kNone) index_.erase(index_.find(series->first));
  return slot;
}

void ExemplarStore::Add(const Labels& series, const Exemplar& exemplar) {
  std::lock_guard lock(mutex_);
  bool known;
  ExemplarStatus status = CheckLocked(series, exemplar, &known);
  if (status == ExemplarStatus::kOutOfOrder) ++out_of_order_;
  if (status != ExemplarStatus::kOk || known) return;
  uint32_t slot = FreeSlot();
  auto& entry = *index_.try_emplace(series).first;
  Ends& ends = entry.second;
  if (ends.newest != kNone) ring_[ends.newest].next = slot;
  ends.newest = slot;
  if (ends.oldest == kNone) ends.oldest = slot;
  ring_[slot] = {exemplar, kNone, &entry};
  last_ = slot;
  ++appended_;
}

std::vector<SeriesExemplars> ExemplarStore::Select(
    int64_t mint, int64_t maxt, const std::vector<std::vector<model::Matcher>>& sets) const {
  std::vector<SeriesExemplars> found;
  std::lock_guard lock(mutex_);
  for (const auto& [labels, ends] : index_) {
    if (ring_[ends.oldest].exemplar.t > maxt || ring_[ends.newest].exemplar.t < mint) continue;
    bool wanted = std::any_of(sets.begin(), sets.end(),
                              [&labels = labels](const auto& set) { return Matches(labels, set); });
    if (!wanted) continue;
    SeriesExemplars series{labels, {}};
    for (uint32_t slot = ends.oldest; slot != kNone; slot = ring_[slot].next) {
      const Exemplar& exemplar = ring_[slot].exemplar;
      if (exemplar.t >= mint && exemplar.t <= maxt) series.exemplars.push_back(exemplar);
    }
    if (!series.exemplars.empty()) found.push_back(std::move(series));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return found;
}

ExemplarStats ExemplarStore::stats() const {
  std::lock_guard lock(mutex_);
  ExemplarStats stats;
  stats.appended = appended_;
  stats.out_of_order = out_of_order_;
  stats.stored = ring_.size();
  stats.series = index_.size();
  stats.capacity = capacity_;
  if (last_ == kNone) return stats;
  stats.newest_time = ring_[last_].exemplar.t;
  stats.oldest_time = ring_[ring_.size() < capacity_ ? 0 : next_].exemplar.t;
  return stats;
}

}  // namespace slurmscope::tsdb
