#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/db.h"
#include "tsdb/head.h"
#include "tsdb/ref_map.h"
#include "tsdb/set_aside.h"

namespace slurmscope::tsdb {

struct LogSegment {
  uint64_t index = 0;
  std::string path;
};
// What there is of a log to read, in order: the newest checkpoint and the segments after it.
struct LogFiles {
  std::vector<std::string> checkpoint;  // segment files
  std::vector<LogSegment> segments;
  uint64_t next_segment = 0;
};
base::Result<LogFiles> ListLog(const std::string& directory);

struct ReplayResult {
  ReplayReport report;
  RefMap refs;
  uint64_t next_segment = 0;  // where to go on writing
  uint64_t next_wbl_segment = 0;
  uint64_t wal_bytes = 0;  // on disk after any repair
};

struct ReplayOptions {
  DamageAction on_damage = DamageAction::kRepair;
  uint64_t head_chunk_file_bytes = kHeadChunkFileBytes;
  ReplayProgress* progress = nullptr;  // nullptr: nobody wants to know
};

// Reads the head's chunk files, the newest checkpoint and the segments of the log after it from the
// data directory `path` into an empty head, which keeps the chunk files. What the files have is not
// read from the log again. A torn tail is cut off; from the first damage on, everything is moved
// into corrupt-<n> beside it. A record of a type that this version does not know is an error that
// changes nothing of the log: a newer program wrote it. Samples before head.min_valid() are left
// out. Ends soon after `stop` becomes true with kCanceled, and the log is as it was. With
// DamageAction::kLeave the files stay as they are in any case; the report tells of damage all the
// same.
base::Result<ReplayResult> Replay(const std::string& path, Head& head,
                                  const std::atomic<bool>& stop, const ReplayOptions& options);
// The same for the log of samples out of order in `path`, after that: its refs are those of
// `result`, which gets what is found. Nothing is done when there is no such log.
base::Result<void> ReplayWbl(const std::string& path, Head& head, const std::atomic<bool>& stop,
                             DamageAction action, ReplayResult* result);

}  // namespace slurmscope::tsdb
