#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "tsdb/wal_format.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {

// What of the log is still needed.
struct CheckpointOptions {
  uint64_t current_segment = 0;                          // being written
  int64_t mint = 0;                                      // older samples are not
  WalCompression compression = WalCompression::kSnappy;  // of what is written
  // Whether a series record is; `last` is the last segment that the checkpoint stands for.
  std::function<bool(const SeriesEntry& entry, uint64_t last)> keep_series;
};
struct CheckpointReport {
  bool made = false;
  uint64_t last_segment = 0;  // that it stands for
  int64_t bytes_freed = 0;    // on disk
};

// Puts what is needed of the older two thirds of the segments into checkpoint.N and deletes them;
// docs/formats/wal.md. Does nothing while there is little to gain. After a crash at any point the
// log reads as before or as after.
base::Result<CheckpointReport> TruncateLog(const std::string& directory,
                                           const CheckpointOptions& options);

// Size on disk of segments and checkpoint.
uint64_t LogBytes(const std::string& directory);
// Removes checkpoints that a crash left unfinished.
base::Result<void> RemoveUnfinishedCheckpoints(const std::string& directory);

}  // namespace slurmscope::tsdb
