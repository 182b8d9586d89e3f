#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "model/appender.h"
#include "model/exemplar.h"
#include "model/matcher.h"

namespace slurmscope::tsdb {

struct SeriesExemplars {
  model::Labels labels;
  std::vector<model::Exemplar> exemplars;  // by time
};
struct ExemplarStats {
  uint64_t appended = 0;
  uint64_t out_of_order = 0;
  uint64_t stored = 0;
  uint64_t series = 0;
  uint64_t capacity = 0;
  int64_t newest_time = 0;  // of the one stored last, ms; 0 when there is none
  // Time of the oldest one still there, which tells how far back exemplars reach.
  int64_t oldest_time = 0;
};

// The newest exemplars of all series in a ring: a new one takes the place of the one stored longest
// ago. Thread-safe.
class ExemplarStore {
 public:
  // About 100 bytes each with their labels, taken as they come.
  explicit ExemplarStore(size_t capacity) : capacity_(capacity) {}

  // kOk when Add() would keep it or has it; `known` is set in the latter case. Order is that of
  // time, then value, then labels, as in one scrape.
  model::ExemplarStatus Check(const model::Labels& series, const model::Exemplar& exemplar,
                              bool* known);
  // Keeps the exemplar, if Check() says so.
  void Add(const model::Labels& series, const model::Exemplar& exemplar);
  // Those of [mint, maxt] of the series that satisfy one of the sets of matchers, sorted by series.
  std::vector<SeriesExemplars> Select(int64_t mint, int64_t maxt,
                                      const std::vector<std::vector<model::Matcher>>& sets) const;
  ExemplarStats stats() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Ends {
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
  };
  using Index = std::unordered_map<model::Labels, Ends>;
  struct Slot {
    model::Exemplar exemplar;
    uint32_t next = kNone;  // the next one of the series
    Index::value_type* series = nullptr;
  };

  model::ExemplarStatus CheckLocked(const model::Labels& series, const model::Exemplar& exemplar,
                                    bool* known) const;
  uint32_t FreeSlot();

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<Slot> ring_;
  size_t next_ = 0;  // the slot to be written next, once the ring is full
  Index index_;
  uint64_t appended_ = 0;
  uint64_t out_of_order_ = 0;
  uint32_t last_ = kNone;
};

}  // namespace slurmscope::tsdb
