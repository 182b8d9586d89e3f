#include "tsdb/wal.h"

#include <fcntl.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr size_t kKeepFrameBytes = 4 << 20;

}  // namespace

Result<std::unique_ptr<Wal>> Wal::Open(std::string directory, uint64_t first_segment,
                                       uint64_t segment_bytes) {
  uint64_t pages = std::max<uint64_t>((segment_bytes + kPageBytes - 1) / kPageBytes, 2);
  std::unique_ptr<Wal> wal(new Wal(std::move(directory), pages * kPageBytes));
  TRY(wal->OpenSegment(first_segment, O_CREAT | O_EXCL));
  wal->good_ = {first_segment, 0};
  TRY(base::SyncDirectory(wal->directory_));
  return wal;
}

Wal::~Wal() {
  {
    std::lock_guard lock(mutex_);
    if (!torn_) {
      FillPage();
      (void)Flush();
    }
  }
  if (auto synced = Sync(); !synced) {
    base::LogError("the write-ahead log could not be synced", {{"error", synced.error()}});
  }
}

std::string Wal::SegmentPath(uint64_t index) const {
  return base::StrCat(directory_, "/", SegmentName(index));
}

// How long a record may be that starts at `offset` and stays in the segment.
size_t Wal::Capacity(uint64_t offset) const {
  if (offset >= segment_bytes_) return 0;
  uint64_t in_page = kPageBytes - offset % kPageBytes;
  uint64_t later_pages =
      (segment_bytes_ - offset) / kPageBytes - (offset % kPageBytes == 0 ? 1 : 0);
  uint64_t first = in_page >= kFragmentHeaderBytes ? in_page - kFragmentHeaderBytes : 0;
  return first + later_pages * (kPageBytes - kFragmentHeaderBytes);
}

bool Wal::Fits(const std::vector<StoredRecord>& records) const {
  uint64_t end = offset_;
  for (const StoredRecord& record : records) {
    if (end >= segment_bytes_ || record.bytes.size() > Capacity(end)) return false;
    uint64_t fragments = record.bytes.size() / (kPageBytes - kFragmentHeaderBytes) + 2;
    end += record.bytes.size() + fragments * 2 * kFragmentHeaderBytes;
  }
  return true;
}

void Wal::FillPage() {
  size_t used = offset_ % kPageBytes;
  if (used == 0) return;
  frames_.append(kPageBytes - used, '\0');
  offset_ += kPageBytes - used;
}

void Wal::Frame(const StoredRecord& record) {
  std::string_view rest = record.bytes;
  for (bool first = true; first || !rest.empty(); first = false) {
    if (kPageBytes - offset_ % kPageBytes < kFragmentHeaderBytes) FillPage();
    size_t room = kPageBytes - offset_ % kPageBytes - kFragmentHeaderBytes;
    std::string_view piece = rest.substr(0, room);
    rest.remove_prefix(piece.size());
    uint8_t type = first ? (rest.empty() ? kFull : kFirst) : (rest.empty() ? kLast : kMiddle);
    frames_ += static_cast<char>(type | record.flags);
    base::PutU16Be(frames_, static_cast<uint16_t>(piece.size()));
    base::PutU32Be(frames_, base::Crc32c(piece));
    frames_ += piece;
    offset_ += kFragmentHeaderBytes + piece.size();
  }
}

Result<void> Wal::Flush() {
  if (frames_.empty()) return {};
  auto written = file_->WriteAll(frames_);
  if (written) written_.fetch_add(frames_.size(), std::memory_order_relaxed);
  frames_.clear();
  if (frames_.capacity() > kKeepFrameBytes) frames_.shrink_to_fit();
  if (unsynced_.empty() || unsynced_.back() != file_) unsynced_.push_back(file_);
  if (!written) return Fail(std::move(written).error().Wrap(SegmentPath(segment())));
  return {};
}

Result<void> Wal::OpenSegment(uint64_t index, int flags) {
  base::File file = TRY(base::File::Open(SegmentPath(index), O_WRONLY | O_APPEND | flags));
  file_ = std::make_shared<base::File>(std::move(file));
  segment_.store(index, std::memory_order_relaxed);
  offset_ = 0;
  new_segment_ = true;
  return {};
}

Result<void> Wal::NextSegment() {
  FillPage();
  TRY(Flush());
  return OpenSegment(segment() + 1, O_CREAT | O_TRUNC);
}

Result<void> Wal::WriteLocked(const std::vector<StoredRecord>& records) {
  if (!Fits(records) && offset_ > 0) TRY(NextSegment());
  for (const StoredRecord& record : records) {
    if (record.bytes.size() > max_record_bytes()) {
      return Fail(ErrorCode::kOutOfRange, "record is larger than a segment of the write-ahead log");
    }
    if (record.bytes.size() > Capacity(offset_)) TRY(NextSegment());
    Frame(record);
  }
  return Flush();
}

// Goes back to the end of the last batch that was written whole. Segments begun since go first: a
// torn segment must never have another one behind it.
Result<void> Wal::Repair() {
  frames_.clear();
  for (uint64_t index = segment(); index > good_.segment; --index) {
    TRY(base::RemoveFile(SegmentPath(index)));
  }
  TRY(OpenSegment(good_.segment, 0));
  TRY_CONTEXT(file_->Truncate(good_.offset), SegmentPath(good_.segment));
  offset_ = good_.offset;
  torn_ = false;
  return {};
}

Result<void> Wal::Write(const std::vector<StoredRecord>& records) {
  std::lock_guard lock(mutex_);
  if (torn_) TRY(Repair());
  uint64_t written_before = written_bytes();
  auto result = WriteLocked(records);
  if (result) {
    good_ = {segment(), offset_};
    return {};
  }
  written_.store(written_before, std::memory_order_relaxed);
  torn_ = true;
  if (auto repaired = Repair(); !repaired) {
    base::LogWarn("the write-ahead log could not be repaired yet", {{"error", repaired.error()}});
  }
  return result;
}

Result<void> Wal::CutSegment() {
  std::lock_guard lock(mutex_);
  if (torn_) TRY(Repair());
  if (offset_ == 0) return {};
  auto result = NextSegment();
  if (result) {
    good_ = {segment(), offset_};
  } else {
    torn_ = true;
  }
  return result;
}

model::LogPosition Wal::end() const {
  std::lock_guard lock(mutex_);
  return good_;
}

Result<void> Wal::Sync() {
  std::lock_guard sync_lock(sync_mutex_);
  std::vector<std::shared_ptr<base::File>> files;
  bool new_segment = false;
  {
    std::lock_guard lock(mutex_);
    files.swap(unsynced_);
    new_segment = std::exchange(new_segment_, false);
  }
  Result<void> result;
  for (const auto& file : files) {
    if (result) result = file->Sync();
  }
  if (result && new_segment) result = base::SyncDirectory(directory_);
  if (result) return {};
  std::lock_guard lock(mutex_);
  unsynced_.insert(unsynced_.begin(), files.begin(), files.end());
  unsynced_.erase(std::unique(unsynced_.begin(), unsynced_.end()), unsynced_.end());
  new_segment_ = new_segment_ || new_segment;
  return Fail(std::move(result).error().Wrap("write-ahead log"));
}

}  // namespace slurmscope::tsdb
