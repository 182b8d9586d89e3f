#include "tsdb/health.h"

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::tsdb {

void Health::NoteWrite(const base::Result<void>& result) {
  if (result) {
    if (!writable_.exchange(true, std::memory_order_relaxed)) {
      base::LogWarn("samples can be written again");
    }
    return;
  }
  write_failures_.fetch_add(1, std::memory_order_relaxed);
  if (result.error().code() == base::ErrorCode::kOutOfRange) return;
  {
    std::lock_guard lock(mutex_);
    write_error_ = result.error().message();
  }
  if (writable_.exchange(false, std::memory_order_relaxed)) {
    base::LogError("samples cannot be written and are dropped until they can; queries go on",
                   {{"error", result.error()}});
  }
}

void Health::NoteSync(const base::Result<void>& result) {
  if (result) {
    if (!synced_.exchange(true, std::memory_order_relaxed)) {
      base::LogWarn("the write-ahead log can be synced again");
    }
    return;
  }
  sync_failures_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    sync_error_ = result.error().message();
  }
  if (synced_.exchange(false, std::memory_order_relaxed)) {
    base::LogError("the write-ahead log cannot be synced: power loss would cost what is not",
                   {{"error", result.error()}});
  }
}

void Health::NoteChunks(const base::Result<void>& result) {
  if (result) {
    if (!chunks_written_.exchange(true, std::memory_order_relaxed)) {
      base::LogWarn("full chunks can be written to chunks_head again");
    }
    return;
  }
  {
    std::lock_guard lock(mutex_);
    chunk_error_ = result.error().message();
  }
  if (chunks_written_.exchange(false, std::memory_order_relaxed)) {
    base::LogError("full chunks cannot be written to chunks_head and stay in memory",
                   {{"error", result.error()}});
  }
}

std::string Health::problem() const {
  std::lock_guard lock(mutex_);
  if (!writable()) {
    return base::StrCat("the data directory takes no samples (", write_error_,
                        "); queries are answered, and writing goes on by itself once it can");
  }
  if (!synced_.load(std::memory_order_relaxed)) {
    return base::StrCat("the write-ahead log cannot be synced (", sync_error_,
                        "); samples are taken, but power loss would cost them");
  }
  if (!chunks_written_.load(std::memory_order_relaxed)) {
    return base::StrCat("full chunks cannot be written to chunks_head (", chunk_error_,
                        "); samples are taken and logged, but memory grows until they can");
  }
  return "";
}

}  // namespace slurmscope::tsdb
