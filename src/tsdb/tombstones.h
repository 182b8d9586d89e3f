#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/sample.h"

namespace slurmscope::tsdb {

struct TimeInterval {
  int64_t mint = 0;
  int64_t maxt = 0;  // inclusive
  bool operator==(const TimeInterval&) const = default;
};
// Ascending, with at least one millisecond between one and the next.
using Intervals = std::vector<TimeInterval>;

// What was deleted from a block, by series id; docs/formats/block.md.
using Tombstones = std::unordered_map<uint32_t, Intervals>;

// The bytes of the file, an empty one too.
std::string WriteTombstones(const Tombstones& tombstones);
// Safe on any bytes.
base::Result<Tombstones> ParseTombstones(std::string_view bytes);

// Puts `added` among the others; those that it touches become one with it. Nothing when it ends
// before it begins.
void AddInterval(TimeInterval added, Intervals* intervals);
// Whether all of [mint, maxt] is deleted, and whether any of it is.
bool Covers(const Intervals& intervals, int64_t mint, int64_t maxt);
bool Touches(const Intervals& intervals, int64_t mint, int64_t maxt);
// Takes the samples of the intervals out.
void RemoveIntervals(const Intervals& intervals, model::Columns* columns);

}  // namespace slurmscope::tsdb
