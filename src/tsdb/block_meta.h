#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::tsdb {

// Members that this version does not know, as JSON: kept when a file is written again.
using UnknownMembers = std::vector<std::pair<std::string, std::string>>;

struct BlockStats {
  uint64_t samples = 0;
  uint64_t float_samples = 0;
  uint64_t histogram_samples = 0;
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t tombstones = 0;
  UnknownMembers unknown;
};
struct BlockParent {
  std::string ulid;
  int64_t min_time = 0;
  int64_t max_time = 0;
};

// The hint of a block made of samples that came out of order.
inline constexpr std::string_view kOutOfOrderHint = "from-out-of-order";

// A block's meta.json; docs/formats/block.md.
struct BlockMeta {
  std::string ulid;
  int64_t min_time = 0;
  int64_t max_time = 0;  // exclusive
  BlockStats stats;
  int level = 1;
  std::vector<std::string> sources;  // blocks of level 1 whose data is in it
  std::vector<BlockParent> parents;  // blocks it was made of directly
  std::vector<std::string> hints;
  bool deletable = false;  // holds nothing that is not elsewhere
  bool failed = false;     // compacting it failed
  UnknownMembers unknown_compaction;
  UnknownMembers unknown;
  // What was read has the checksum that we write, and does not match it: changed by hand or by
  // decay.
  bool doubtful = false;
};

// Whether all of it came out of order: it may reach beyond what was taken out of the head in order.
bool FromOutOfOrder(const BlockMeta& meta);

// With a checksum of its own at the end, in a member that other programs pass over.
std::string WriteBlockMeta(const BlockMeta& meta);
// kCorruption when it is not JSON, lacks what a block needs, or has another version. Safe on any
// bytes.
base::Result<BlockMeta> ParseBlockMeta(std::string_view json);

}  // namespace slurmscope::tsdb
