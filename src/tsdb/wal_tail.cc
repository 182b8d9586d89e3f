#include "tsdb/wal_tail.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/replay.h"
#include "tsdb/wal_exemplar_record.h"
#include "tsdb/wal_histogram_record.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Result;
using model::LogBatch;
using model::LogPosition;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kCheckpointPrefix = "checkpoint.";

// The segment up to which the newest checkpoint stands for the log.
Result<std::optional<uint64_t>> NewestCheckpoint(const std::string& directory) {
  std::optional<uint64_t> newest;
  for (const std::string& name : TRY(base::ListDirectory(directory))) {
    if (!name.starts_with(kCheckpointPrefix)) continue;
    auto index = base::ParseInt<uint64_t>(std::string_view(name).substr(kCheckpointPrefix.size()));
    if (index && (!newest || *index > *newest)) newest = index;
  }
  return newest;
}

// Adds the references of all series records of a file.
Result<void> CollectRefs(const std::string& path, std::unordered_set<uint64_t>* refs) {
  SegmentReader reader = TRY(SegmentReader::Open(path));
  std::string_view record;
  std::vector<SeriesEntry> entries;
  while (TRY(reader.Read(&record)) == SegmentReader::Next::kRecord) {
    if (record.empty() || record[0] != static_cast<char>(RecordType::kSeries)) continue;
    entries.clear();
    TRY(DecodeSeries(record, &entries));
    for (const SeriesEntry& entry : entries) refs->insert(entry.ref);
  }
  return {};
}

Result<void> DecodeSamplesInto(std::string_view record, LogBatch* batch) {
  std::vector<SampleEntry> entries;
  TRY(DecodeSamples(record, &entries));
  for (const SampleEntry& entry : entries) batch->samples.push_back({entry.ref, entry.t, entry.v});
  return {};
}

Result<void> DecodeHistogramsInto(std::string_view record, LogBatch* batch) {
  std::vector<HistogramEntry> entries;
  TRY(DecodeHistograms(record, &entries));
  for (HistogramEntry& entry : entries)
    batch->histograms.push_back({entry.ref, entry.t, std::move(entry.h)});
  return {};
}

Result<void> DecodeExemplarsInto(std::string_view record, LogBatch* batch) {
  std::vector<ExemplarEntry> entries;
  TRY(DecodeExemplars(record, &entries));
  for (ExemplarEntry& entry : entries)
    batch->exemplars.emplace_back(entry.ref, std::move(entry.exemplar));
  return {};
}

Result<void> DecodeMetadataInto(std::string_view record, LogBatch* batch) {
  std::vector<MetadataEntry> entries;
  TRY(DecodeMetadata(record, &entries));
  for (MetadataEntry& entry : entries)
    batch->metadata.emplace_back(entry.ref, std::move(entry.metadata));
  return {};
}

Result<void> DecodeDataInto(std::string_view record, LogBatch* batch) {
  switch (static_cast<RecordType>(record[0])) {
    case RecordType::kSamples:
      return DecodeSamplesInto(record, batch);
    case RecordType::kHistograms:
    case RecordType::kFloatHistograms:
    case RecordType::kCustomHistograms:
    case RecordType::kCustomFloatHistograms:
      return DecodeHistogramsInto(record, batch);
    case RecordType::kExemplars:
      return DecodeExemplarsInto(record, batch);
    default:
      return {};
  }
}

bool HasContent(const LogBatch& batch) {
  return !batch.series.empty() || !batch.samples.empty() || !batch.histograms.empty() ||
         !batch.exemplars.empty() || !batch.metadata.empty();
}

}  // namespace

WalTail::WalTail(std::string directory, End end, std::optional<LogPosition> from)
    : directory_(std::move(directory)),
      end_(std::move(end)),
      opened_at_(end_()),
      position_(from.value_or(opened_at_)) {}

std::string WalTail::SegmentPath(uint64_t segment) const {
  return base::StrCat(directory_, "/", SegmentName(segment));
}

// Where to begin, and what is before it. A position behind the end is one of another log.
Result<void> WalTail::Start() {
  past_.clear();
  past_reader_.reset();
  reader_.reset();
  LogFiles files = TRY(ListLog(directory_));
  std::optional<uint64_t> checkpoint = TRY(NewestCheckpoint(directory_));
  // When it begins anew after a gap, the series that the checkpoint dropped are still to be told.
  if (!std::exchange(begun_, true)) checkpoint_ = checkpoint;
  LogPosition end = end_();
  if (position_ > end) {
    position_ = {};
    ++lost_;
  }
  uint64_t found = end.segment;
  for (const LogSegment& segment : files.segments) {
    if (segment.index >= position_.segment) found = std::min(found, segment.index);
  }
  if (found > position_.segment) {
    lost_ += position_ == LogPosition{} ? 0 : found - position_.segment;
    position_ = {found, 0};
  }
  for (const std::string& path : files.checkpoint)
    past_.push_back({path, checkpoint.value_or(0), kNoLimit});
  for (const LogSegment& segment : files.segments) {
    if (segment.index > position_.segment) break;
    bool whole = segment.index < position_.segment;
    past_.push_back({segment.path, segment.index, whole ? kNoLimit : position_.offset});
  }
  started_ = true;
  return {};
}

Result<bool> WalTail::Next(LogBatch* batch) {
  batch->Clear();
  if (!started_) TRY(Start());
  while (!past_.empty()) {
    auto found = NextPast(batch);
    if (!found && found.error().code() == ErrorCode::kNotFound) {
      // A checkpoint came between listing and reading.
      TRY(Start());
      continue;
    }
    if (!found) return found;
    if (!*found) continue;
    Give(batch);
    return true;
  }
  return NextLive(batch);
}

void WalTail::Give(LogBatch* batch) {
  batch->gone = std::exchange(gone_, {});
  batch->lost_segments = std::exchange(lost_, 0);
  batch->end = position_;
}

Result<bool> WalTail::NextPast(LogBatch* batch) {
  const Part& part = past_.front();
  if (!past_reader_) past_reader_.emplace(TRY(SegmentReader::Open(part.path)));
  std::string_view record;
  while (past_reader_->good_bytes() < part.limit) {
    // What is damaged there was told by replay, and replay does not know it either.
    if (TRY(past_reader_->Read(&record)) != SegmentReader::Next::kRecord) break;
    if (Decode(record, batch, true, part.segment) && HasContent(*batch)) return true;
  }
  past_.pop_front();
  past_reader_.reset();
  return false;
}

// False when the record makes no sense.
bool WalTail::Decode(std::string_view record, LogBatch* batch, bool series_only, uint64_t segment) {
  if (record.empty()) return true;
  auto type = static_cast<RecordType>(record[0]);
  if (type == RecordType::kMetadata) return DecodeMetadataInto(record, batch).has_value();
  if (type != RecordType::kSeries) return series_only || DecodeDataInto(record, batch).has_value();
  std::vector<SeriesEntry> entries;
  if (!DecodeSeries(record, &entries)) return false;
  for (SeriesEntry& entry : entries) {
    series_[entry.ref] = segment;
    batch->series.push_back({entry.ref, std::move(entry.labels)});
  }
  return true;
}

Result<bool> WalTail::NextLive(LogBatch* batch) {
  while (true) {
    LogPosition end = end_();
    if (position_ >= end) return false;
    if (!reader_ && !TRY(OpenLive())) return Next(batch);
    bool at_end = position_.segment == end.segment;
    if (!at_end || position_.offset < end.offset) {
      if (TRY(ReadLive(end, batch))) {
        Give(batch);
        return true;
      }
      at_end = position_.segment == end.segment;
    }
    if (!at_end) TRY(GoToNextSegment());
  }
}

// False when the segment is gone: then all begins anew at the oldest one there is.
Result<bool> WalTail::OpenLive() {
  auto reader = SegmentReader::Open(SegmentPath(position_.segment));
  if (reader) {
    reader_.emplace(*std::move(reader));
    TRY(reader_->Seek(position_.offset));
    return true;
  }
  if (reader.error().code() != ErrorCode::kNotFound) return base::Fail(reader.error());
  started_ = false;
  return false;
}

// Once more when nothing was found: the file has grown since it was looked at.
Result<SegmentReader::Next> WalTail::ReadAgain(std::string_view* record) {
  SegmentReader::Next next = TRY(reader_->Read(record));
  if (next == SegmentReader::Next::kRecord) return next;
  TRY(reader_->Seek(position_.offset));
  return reader_->Read(record);
}

// The next record that says something; false when the segment, as far as it is written, has none.
Result<bool> WalTail::ReadLive(const LogPosition& end, LogBatch* batch) {
  bool last = position_.segment == end.segment;
  std::string_view record;
  while (!last || position_.offset < end.offset) {
    SegmentReader::Next next = TRY(ReadAgain(&record));
    bool good =
        next == SegmentReader::Next::kRecord && Decode(record, batch, false, position_.segment);
    if (next == SegmentReader::Next::kRecord) position_.offset = reader_->good_bytes();
    if (good && HasContent(*batch)) return true;
    if (good) continue;
    batch->Clear();
    if (next == SegmentReader::Next::kRecord) {
      base::LogWarn("a record of the write-ahead log is damaged, it is left out",
                    {{"segment", position_.segment}, {"before", position_.offset}});
      ++lost_;
      continue;
    }
    if (!last && next != SegmentReader::Next::kCorrupt) return false;
    // The rest makes no sense, though it was written; what comes behind it may.
    base::LogWarn("the write-ahead log is damaged, a part of it is left out",
                  {{"segment", position_.segment}, {"offset", position_.offset}});
    ++lost_;
    if (!last) return false;
    position_.offset = end.offset;
    TRY(reader_->Seek(position_.offset));
  }
  return false;
}

Result<void> WalTail::GoToNextSegment() {
  position_ = {position_.segment + 1, 0};
  reader_.reset();
  auto forgotten = ForgetDroppedSeries();
  // Replaced by a newer one while it was read: the next segment's turn.
  if (!forgotten && forgotten.error().code() == ErrorCode::kNotFound) return {};
  return forgotten;
}

// A checkpoint keeps the series that live. What it stands for and does not have, nobody names any
// more in the segments behind it.
Result<void> WalTail::ForgetDroppedSeries() {
  std::optional<uint64_t> newest = TRY(NewestCheckpoint(directory_));
  if (!newest || newest == checkpoint_ || *newest >= position_.segment) return {};
  std::unordered_set<uint64_t> kept;
  for (const std::string& path : TRY(ListLog(directory_)).checkpoint) TRY(CollectRefs(path, &kept));
  checkpoint_ = newest;
  std::erase_if(series_, [&](const auto& entry) {
    bool dropped = entry.second <= *newest && !kept.contains(entry.first);
    if (dropped) gone_.push_back(entry.first);
    return dropped;
  });
  return {};
}

uint64_t WalTail::BytesBehind() const {
  LogPosition end = end_();
  if (position_ >= end) return 0;
  if (position_.segment == end.segment) return end.offset - position_.offset;
  uint64_t bytes = end.offset;
  for (uint64_t segment = position_.segment; segment < end.segment; ++segment)
    bytes += base::StampOf(SegmentPath(segment)).size;
  return bytes > position_.offset ? bytes - position_.offset : 0;
}

}  // namespace slurmscope::tsdb
