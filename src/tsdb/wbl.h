#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/ooo_store.h"
#include "tsdb/wal.h"

namespace slurmscope::tsdb {

// The log of samples that came out of order (`wbl/`), in the write-ahead log's form, and kept in
// step with the samples in memory: what is read from the log again makes the same chunks. Its refs
// are those of the write-ahead log. Thread-safe.
class Wbl {
 public:
  // Nothing is made before the first write. `next_segment` is the first that is not there.
  Wbl(std::string directory, uint64_t next_segment, uint64_t segment_bytes, OooStore& store)
      : directory_(std::move(directory)),
        next_segment_(next_segment),
        segment_bytes_(segment_bytes),
        store_(store) {}

  // Writes the records and then applies them, one commit at a time. After an error none of them is
  // in the log.
  base::Result<void> Commit(const std::vector<StoredRecord>& records,
                            const std::function<base::Result<void>()>& apply);
  base::Result<void> Sync();

  // Freezes what is in memory. It gives the segment before which the log holds that and nothing
  // else.
  base::Result<uint64_t> Freeze();
  // Removes the segments before this one, the oldest first.
  base::Result<void> RemoveBefore(uint64_t segment);

  // On disk.
  uint64_t bytes() const;
  uint64_t segment() const;

 private:
  base::Result<Wal*> Open();

  const std::string directory_;
  mutable std::mutex mutex_;  // held while a commit is written and applied
  uint64_t next_segment_;
  const uint64_t segment_bytes_;
  OooStore& store_;
  std::unique_ptr<Wal> wal_;
};

}  // namespace slurmscope::tsdb
