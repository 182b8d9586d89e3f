#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tsdb/block_meta.h"

namespace slurmscope::tsdb {

// The widths that blocks grow through: `min_block_ms`, three times as much, and so on for ten steps
// or up to `max_block_ms`.
std::vector<int64_t> BlockRanges(int64_t min_block_ms, int64_t max_block_ms);

// Which blocks to make into one next, by Prometheus' rules: overlapping ones first, then a group
// that fills one of the ranges or lies before the newest block, then one with many deletions.
// Blocks of samples out of order that end after all others wait. Empty when there is nothing to do.
// `blocks` ascend by min_time.
std::vector<std::string> PlanCompaction(const std::vector<BlockMeta>& blocks,
                                        const std::vector<int64_t>& ranges);

// What must go, `blocks` being ascending by min_time: blocks that end `retention_ms` or more before
// the newest ends, and the oldest beyond `retention_bytes`, of which `other_bytes` are in use
// already. 0 stands for no limit.
struct RetentionLimits {
  int64_t retention_ms = 0;
  uint64_t retention_bytes = 0;
};
struct SizedBlock {
  std::string ulid;
  int64_t max_time = 0;
  uint64_t bytes = 0;
};
struct RetentionVerdict {
  std::vector<std::string> by_time;
  std::vector<std::string> by_size;
};
RetentionVerdict BeyondRetention(std::vector<SizedBlock> blocks, uint64_t other_bytes,
                                 const RetentionLimits& limits);

}  // namespace slurmscope::tsdb
