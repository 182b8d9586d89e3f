#include "tsdb/wal_reader.h"

#include <fcntl.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;

constexpr size_t kLoadBytes = 32 * kPageBytes;

// Whether a fragment lies somewhere in the bytes: no crash leaves one behind a torn record.
bool HoldsFragment(std::string_view bytes) {
  for (; bytes.size() > kFragmentHeaderBytes; bytes.remove_prefix(1)) {
    base::ByteReader reader(bytes);
    uint8_t header = reader.U8();
    uint8_t type = header & kFragmentTypeMask;
    size_t length = reader.U16Be();
    if (type == 0 || type > kLast || header > 0x1F || length == 0) continue;
    uint32_t crc = reader.U32Be();
    if (length <= reader.remaining() && base::Crc32c(reader.Bytes(length)) == crc) return true;
  }
  return false;
}

}  // namespace

Result<SegmentReader> SegmentReader::Open(const std::string& path) {
  base::File file = TRY(base::File::Open(path, O_RDONLY));
  uint64_t size = TRY_CONTEXT(file.Size(), path);
  return SegmentReader(std::move(file), size);
}

Result<void> SegmentReader::Seek(uint64_t offset) {
  size_ = TRY(file_.Size());
  page_ = {};
  page_start_ = 0;
  position_ = good_ = offset;
  return {};
}

SegmentReader::Next SegmentReader::Corrupt(std::string problem) {
  problem_ = std::move(problem);
  return Next::kCorrupt;
}

Result<void> SegmentReader::LoadPageAt(uint64_t offset) {
  if (!file_.is_open() || (offset >= page_start_ && offset < page_start_ + page_.size())) return {};
  page_start_ = offset - offset % kPageBytes;
  buffer_.resize(kLoadBytes);
  size_t n = TRY(file_.ReadAt(buffer_.data(), kLoadBytes, page_start_));
  page_ = std::string_view(buffer_).substr(0, n);
  size_ = std::max(size_, page_start_ + n);
  if (offset >= page_start_ + n) size_ = offset;
  return {};
}

SegmentReader::Next SegmentReader::CheckPadding(size_t length) {
  std::string_view padding = page_.substr(position_ - page_start_);
  padding = padding.substr(0, length);
  if (padding.find_first_not_of('\0') != std::string_view::npos) {
    return Corrupt("bytes other than zero after the end of a page");
  }
  position_ += padding.size();
  return Next::kRecord;
}

SegmentReader::Next SegmentReader::ParseFragment(std::string_view rest, Fragment* fragment) {
  size_t page_left = kPageBytes - position_ % kPageBytes;
  if (rest.size() < kFragmentHeaderBytes) return Next::kTorn;
  base::ByteReader reader(rest);
  fragment->header = reader.U8();
  size_t length = reader.U16Be();
  uint32_t crc = reader.U32Be();
  if ((fragment->header & kFragmentTypeMask) > kLast || fragment->header > 0x1F) {
    return Corrupt(base::StrCat("unknown fragment type ", uint32_t{fragment->header}));
  }
  if (length > page_left - kFragmentHeaderBytes) return Corrupt("fragment longer than its page");
  if (length > reader.remaining()) {
    return HoldsFragment(reader.rest()) ? Corrupt("length of a fragment is wrong") : Next::kTorn;
  }
  fragment->data = reader.Bytes(length);
  if (base::Crc32c(fragment->data) != crc) return Corrupt("checksum does not match");
  position_ += kFragmentHeaderBytes + length;
  return Next::kRecord;
}

Result<SegmentReader::Next> SegmentReader::ReadFragment(Fragment* fragment) {
  while (position_ < size_) {
    TRY(LoadPageAt(position_));
    if (position_ >= size_) break;
    size_t page_left = kPageBytes - position_ % kPageBytes;
    std::string_view rest = page_.substr(position_ - page_start_).substr(0, page_left);
    if (page_left >= kFragmentHeaderBytes && rest[0] != 0) return ParseFragment(rest, fragment);
    if (CheckPadding(page_left) == Next::kCorrupt) return Next::kCorrupt;
  }
  return Next::kEnd;
}

Result<SegmentReader::Next> SegmentReader::Read(std::string_view* record) {
  pieces_.clear();
  for (bool begun = false;; begun = true) {
    Fragment fragment;
    Next next = TRY(ReadFragment(&fragment));
    if (next == Next::kEnd && begun) return Next::kTorn;
    if (next != Next::kRecord) return next;
    uint8_t type = fragment.header & kFragmentTypeMask;
    if ((type == kFull || type == kFirst) == begun) return Corrupt("fragments out of order");
    bool last = type == kFull || type == kLast;
    std::string_view stored = fragment.data;
    if (type != kFull) {
      pieces_ += fragment.data;
      stored = pieces_;
    }
    if (pieces_.size() > kMaxRecordBytes) return Corrupt("record is too long");
    if (!last) continue;
    auto whole = DecompressRecord(stored, fragment.header, &uncompressed_);
    if (!whole) return Corrupt(whole.error().message());
    *record = *whole;
    good_ = position_;
    return Next::kRecord;
  }
}

}  // namespace slurmscope::tsdb
