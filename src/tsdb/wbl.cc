#include "tsdb/wbl.h"

#include "base/file.h"
#include "base/strings.h"
#include "tsdb/checkpoint.h"
#include "tsdb/replay.h"

namespace slurmscope::tsdb {

using base::Result;
using base::StrCat;

// Under the lock.
Result<Wal*> Wbl::Open() {
  if (!wal_) {
    TRY(base::MakeDirectories(directory_));
    TRY(base::SyncDirectory(directory_.substr(0, directory_.rfind('/'))));
    auto opened = Wal::Open(directory_, next_segment_, segment_bytes_);
    // What failed may have left the file, which is then no new one.
    bool left =
        !opened &&
        base::FileExists(StrCat(directory_, "/", SegmentName(next_segment_))).value_or(false);
    if (left) ++next_segment_;
    wal_ = TRY(std::move(opened));
  }
  return wal_.get();
}

Result<void> Wbl::Commit(const std::vector<StoredRecord>& records,
                         const std::function<Result<void>()>& apply) {
  std::lock_guard lock(mutex_);
  Wal* wal = TRY_CONTEXT(Open(), "log of samples out of order");
  TRY_CONTEXT(wal->Write(records), "log of samples out of order");
  return apply();
}

Result<void> Wbl::Sync() {
  Wal* wal;
  {
    std::lock_guard lock(mutex_);
    wal = wal_.get();
  }
  // It stays once it is there.
  return wal == nullptr ? Result<void>() : wal->Sync();
}

Result<uint64_t> Wbl::Freeze() {
  std::lock_guard lock(mutex_);
  uint64_t segment = next_segment_;
  if (wal_) {
    TRY(wal_->CutSegment());
    segment = wal_->segment();
  }
  store_.Freeze();
  return segment;
}

Result<void> Wbl::RemoveBefore(uint64_t segment) {
  if (!TRY(base::FileExists(directory_))) return {};
  LogFiles files = TRY(ListLog(directory_));
  bool removed = false;
  for (const LogSegment& old : files.segments) {
    if (old.index >= segment) break;
    TRY(base::RemoveFile(old.path));
    removed = true;
  }
  return removed ? base::SyncDirectory(directory_) : Result<void>();
}

uint64_t Wbl::bytes() const { return LogBytes(directory_); }

uint64_t Wbl::segment() const {
  std::lock_guard lock(mutex_);
  return wal_ ? wal_->segment() : next_segment_;
}

}  // namespace slurmscope::tsdb
