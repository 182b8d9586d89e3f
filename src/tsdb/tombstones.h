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
};

// What was deleted from a block, by series id; docs/formats/block.md.
using Tombstones = std::unordered_map<uint32_t, std::vector<TimeInterval>>;

// The file of a block in which nothing was deleted.
std::string EmptyTombstones();
// Safe on any bytes.
base::Result<Tombstones> ParseTombstones(std::string_view bytes);
// Takes the samples of the intervals out.
void RemoveIntervals(const std::vector<TimeInterval>& intervals, model::Columns* columns);

}  // namespace slurmscope::tsdb
