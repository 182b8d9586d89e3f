#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "model/sample_log.h"
#include "tsdb/wal_format.h"

namespace slurmscope::tsdb {

// Writes the write-ahead log of a directory. Thread-safe.
class Wal {
 public:
  // Opens the new segment `first_segment` in `directory`. `segment_bytes` is rounded up to whole
  // pages, two at least.
  static base::Result<std::unique_ptr<Wal>> Open(std::string directory, uint64_t first_segment,
                                                 uint64_t segment_bytes);
  // Fills the last page and syncs.
  ~Wal();

  // Appends the records, by one write(2) unless they do not fit in a segment, and hands them to the
  // kernel. After an error none of them is in the log; the next call first repairs what a torn
  // write left. A record that does not fit in an empty segment is kOutOfRange.
  base::Result<void> Write(const std::vector<StoredRecord>& records);

  // Begins a new segment, so that the ones before can be put into a checkpoint.
  base::Result<void> CutSegment();
  // fsyncs what was written so far, without holding up writers.
  base::Result<void> Sync();

  // The largest stored record that fits in a segment.
  size_t max_record_bytes() const { return Capacity(0); }
  const std::string& directory() const { return directory_; }
  // The end of the last batch that was written whole.
  model::LogPosition end() const;
  uint64_t segment() const { return segment_.load(std::memory_order_relaxed); }
  // Bytes written by this object that are in the log.
  uint64_t written_bytes() const { return written_.load(std::memory_order_relaxed); }

 private:
  Wal(std::string directory, uint64_t segment_bytes)
      : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  std::string SegmentPath(uint64_t index) const;
  size_t Capacity(uint64_t offset) const;
  bool Fits(const std::vector<StoredRecord>& records) const;
  base::Result<void> WriteLocked(const std::vector<StoredRecord>& records);
  void Frame(const StoredRecord& record);
  void FillPage();
  base::Result<void> Flush();
  base::Result<void> NextSegment();
  base::Result<void> OpenSegment(uint64_t index, int flags);
  base::Result<void> Repair();

  const std::string directory_;
  const uint64_t segment_bytes_;
  std::mutex sync_mutex_;  // one fsync at a time; taken before mutex_

  mutable std::mutex mutex_;  // of all below but the atomics
  std::shared_ptr<base::File> file_;
  uint64_t offset_ = 0;  // in the segment, where the next byte of frames_ goes
  std::string frames_;   // framed, not yet written
  bool torn_ = false;    // the log must be cut back to good_ first
  model::LogPosition good_;
  std::vector<std::shared_ptr<base::File>> unsynced_;
  bool new_segment_ = false;  // the directory needs an fsync
  std::atomic<uint64_t> segment_ = 0;
  std::atomic<uint64_t> written_ = 0;
};

}  // namespace slurmscope::tsdb
