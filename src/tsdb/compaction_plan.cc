#include "tsdb/compaction_plan.h"

#include <algorithm>
#include <limits>

#include "tsdb/head_block.h"

namespace slurmscope::tsdb {
namespace {

constexpr int kRangeSteps = 10;
constexpr int kRangeFactor = 3;
constexpr double kManyTombstones = 0.05;

using Metas = std::vector<BlockMeta>;
using Names = std::vector<std::string>;

Names NamesOf(const Metas& blocks) {
  Names names;
  for (const BlockMeta& block : blocks) names.push_back(block.ulid);
  return names;
}

// The first run of blocks that overlap each other.
Metas FirstOverlapping(const Metas& blocks) {
  Metas group;
  for (size_t i = 1, widest = 0; i < blocks.size(); ++i) {
    if (blocks[i].min_time < blocks[widest].max_time) {
      if (group.empty()) group.push_back(blocks[widest]);
      group.push_back(blocks[i]);
    } else if (!group.empty()) {
      break;
    }
    if (blocks[i].max_time > blocks[widest].max_time) widest = i;
  }
  bool failed =
      std::any_of(group.begin(), group.end(), [](const BlockMeta& b) { return b.failed; });
  return failed ? Metas() : group;
}

// The blocks of each aligned range of `width` that lie wholly in it.
std::vector<Metas> SplitByRange(const Metas& blocks, int64_t width) {
  std::vector<Metas> groups;
  int64_t current = 0;
  for (const BlockMeta& block : blocks) {
    int64_t start = RangeStart(block.min_time, width);
    if (block.max_time > start + width) continue;
    if (groups.empty() || current != start) groups.emplace_back();
    current = start;
    groups.back().push_back(block);
  }
  return groups;
}

bool IsFull(const Metas& group, int64_t width, int64_t newest) {
  int64_t end = group.back().max_time;
  bool failed =
      std::any_of(group.begin(), group.end(), [](const BlockMeta& b) { return b.failed; });
  return group.size() > 1 && !failed && (end - group.front().min_time == width || end <= newest);
}

bool HasManyTombstones(const BlockMeta& block) {
  auto deleted = static_cast<double>(block.stats.tombstones);
  return deleted / static_cast<double>(block.stats.series + 1) > kManyTombstones;
}

// As far as the number of deletions tells.
bool IsAllDeleted(const BlockMeta& block) {
  return block.stats.tombstones > 0 && block.stats.tombstones >= block.stats.series;
}

// What came out of order may reach into the time that the head has in order. Merged with other
// blocks now, it would look as if all until its end were in blocks.
Metas WithoutEarly(const Metas& all) {
  int64_t end = std::numeric_limits<int64_t>::min();
  for (const BlockMeta& block : all) {
    if (!FromOutOfOrder(block)) end = std::max(end, block.max_time);
  }
  Metas blocks;
  for (const BlockMeta& block : all) {
    if (!FromOutOfOrder(block) || block.max_time <= end) blocks.push_back(block);
  }
  return blocks;
}

Names PlanAmong(const Metas& blocks, const std::vector<int64_t>& ranges) {
  if (Metas group = FirstOverlapping(blocks); !group.empty()) return NamesOf(group);
  if (blocks.size() < 2) return {};
  // The newest one is left alone, so that what was written just now can be saved elsewhere first.
  Metas older(blocks.begin(), blocks.end() - 1);
  for (size_t i = 1; i < ranges.size(); ++i) {
    for (const Metas& group : SplitByRange(older, ranges[i])) {
      if (IsFull(group, ranges[i], older.back().min_time)) return NamesOf(group);
    }
  }
  for (size_t i = older.size(); i > 0; --i) {
    const BlockMeta& block = older[i - 1];
    bool small = block.max_time - block.min_time < ranges[ranges.size() / 2];
    bool due = small ? IsAllDeleted(block) : HasManyTombstones(block);
    if (due && !block.failed) return {block.ulid};
    if (small) break;
  }
  return {};
}

}  // namespace

std::vector<int64_t> BlockRanges(int64_t min_block_ms, int64_t max_block_ms) {
  std::vector<int64_t> ranges = {min_block_ms};
  while (ranges.size() < kRangeSteps && ranges.back() <= max_block_ms / kRangeFactor) {
    ranges.push_back(ranges.back() * kRangeFactor);
  }
  return ranges;
}

Names PlanCompaction(const Metas& blocks, const std::vector<int64_t>& ranges) {
  return PlanAmong(WithoutEarly(blocks), ranges);
}

RetentionVerdict BeyondRetention(std::vector<SizedBlock> blocks, uint64_t other_bytes,
                                 const RetentionLimits& limits) {
  RetentionVerdict verdict;
  std::stable_sort(blocks.begin(), blocks.end(), [](const SizedBlock& a, const SizedBlock& b) {
    return a.max_time > b.max_time;
  });
  uint64_t bytes = other_bytes;
  for (const SizedBlock& block : blocks) {
    bytes += block.bytes;
    bool old =
        limits.retention_ms > 0 && blocks.front().max_time - block.max_time >= limits.retention_ms;
    if (old)
      verdict.by_time.push_back(block.ulid);
    else if (limits.retention_bytes > 0 && bytes > limits.retention_bytes)
      verdict.by_size.push_back(block.ulid);
  }
  return verdict;
}

}  // namespace slurmscope::tsdb
