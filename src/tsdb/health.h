#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/result.h"

namespace slurmscope::tsdb {

// Whether the data directory takes what is written into the log. Logs each change. Thread-safe.
class Health {
 public:
  // How a write or an fsync of the log went. Only what the operating system refused counts: a
  // batch that is too large says nothing of the disk.
  void NoteWrite(const base::Result<void>& result);
  void NoteSync(const base::Result<void>& result);
  // The same of the head's chunk files.
  void NoteChunks(const base::Result<void>& result);

  bool writable() const { return writable_.load(std::memory_order_relaxed); }
  uint64_t write_failures() const { return write_failures_.load(std::memory_order_relaxed); }
  uint64_t sync_failures() const { return sync_failures_.load(std::memory_order_relaxed); }
  // A sentence for people; empty when all is well.
  std::string problem() const;

 private:
  std::atomic<bool> writable_ = true;
  std::atomic<bool> synced_ = true;
  std::atomic<bool> chunks_written_ = true;
  std::atomic<uint64_t> write_failures_ = 0;
  std::atomic<uint64_t> sync_failures_ = 0;
  mutable std::mutex mutex_;
  std::string write_error_;
  std::string sync_error_;
  std::string chunk_error_;
};

}  // namespace slurmscope::tsdb
