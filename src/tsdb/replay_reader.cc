#include "tsdb/replay_reader.h"

#include "base/strings.h"
#include "tsdb/wal_reader.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr size_t kMaxQueued = 64;

}  // namespace

void RecordQueue::Push(DecodedRecord record) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return records_.size() < kMaxQueued; });
  records_.push_back(std::move(record));
  changed_.notify_all();
}

void RecordQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::optional<DecodedRecord> RecordQueue::Pop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || !records_.empty(); });
  if (records_.empty()) return std::nullopt;
  DecodedRecord record = std::move(records_.front());
  records_.pop_front();
  changed_.notify_all();
  return record;
}

Result<bool> DecodeRecord(std::string_view record, DecodedRecord* out, ReadCounts* counts) {
  if (record.empty()) return false;
  auto type = static_cast<uint8_t>(record[0]);
  if (type == 0 || type > kLastKnownRecordType) {
    return Fail(ErrorCode::kUnavailable,
                base::StrCat("record type ", uint32_t{type}, " is unknown to this version"));
  }
  ++counts->records;
  switch (static_cast<RecordType>(type)) {
    case RecordType::kSeries:
      TRY(DecodeSeries(record, &out->series));
      return true;
    case RecordType::kSamples:
      TRY(DecodeSamples(record, &out->samples));
      return true;
    case RecordType::kTombstones:
      TRY(DecodeTombstones(record, &out->tombstones));
      return true;
    case RecordType::kHistograms:
    case RecordType::kFloatHistograms:
    case RecordType::kCustomHistograms:
    case RecordType::kCustomFloatHistograms:
      TRY(DecodeHistograms(record, &out->histograms));
      return true;
    case RecordType::kExemplars:
      TRY(DecodeExemplars(record, &out->exemplars));
      return true;
    case RecordType::kMetadata:
      TRY(DecodeMetadata(record, &out->metadata));
      return true;
    default:
      ++counts->skipped[type];
      return false;
  }
}

Result<std::optional<WalDamage>> ReadSegment(const std::string& path, RecordQueue& queue,
                                             ReadCounts* counts) {
  SegmentReader reader = TRY(SegmentReader::Open(path));
  ++counts->segments;
  while (true) {
    uint64_t start = reader.good_bytes();
    std::string_view record;
    SegmentReader::Next next = TRY_CONTEXT(reader.Read(&record), path);
    if (next == SegmentReader::Next::kEnd) return std::optional<WalDamage>();
    if (next != SegmentReader::Next::kRecord) {
      bool torn = next == SegmentReader::Next::kTorn;
      return WalDamage{path, start, reader.size(), torn,
                       torn ? "ends inside a record" : reader.problem()};
    }
    DecodedRecord decoded;
    auto wanted = DecodeRecord(record, &decoded, counts);
    if (wanted && *wanted) queue.Push(std::move(decoded));
    if (wanted) continue;
    if (wanted.error().code() == ErrorCode::kCorruption) {
      return WalDamage{path, start, reader.size(), false, wanted.error().message()};
    }
    return Fail(wanted.error().code(),
                base::StrCat(path, ", record after offset ", start, ": ", wanted.error().message(),
                             "; a newer program wrote this data directory, start that one"));
  }
}

}  // namespace slurmscope::tsdb
