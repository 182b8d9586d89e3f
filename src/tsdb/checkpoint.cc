#include "tsdb/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/replay.h"
#include "tsdb/wal.h"
#include "tsdb/wal_exemplar_record.h"
#include "tsdb/wal_histogram_record.h"
#include "tsdb/wal_reader.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr uint64_t kSegmentBytes = 128 << 20;
constexpr size_t kRecordBytes = 1 << 20;

std::string CheckpointName(uint64_t last) { return StrCat("checkpoint.", SegmentName(last)); }

int64_t TreeBytes(const std::string& path) {
  int64_t total = 0;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    return static_cast<int64_t>(std::filesystem::file_size(path, error));
  }
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    total += static_cast<int64_t>(entry.file_size(error));
  }
  return total;
}

class Filter {
 public:
  Filter(const CheckpointOptions& options, uint64_t last, Wal& out)
      : options_(options), last_(last), out_(out) {}

  Result<void> Read(const std::string& path) {
    SegmentReader reader = TRY(SegmentReader::Open(path));
    std::string_view record;
    while (true) {
      SegmentReader::Next next = TRY_CONTEXT(reader.Read(&record), path);
      if (next == SegmentReader::Next::kEnd) return {};
      if (next != SegmentReader::Next::kRecord) {
        return Fail(ErrorCode::kCorruption, StrCat(path, ": ", reader.problem()));
      }
      TRY_CONTEXT(Add(record), path);
    }
  }
  Result<void> Finish() {
    TRY(Flush(0));
    std::string record;
    for (const auto& [ref, metadata] : metadata_) {
      AddMetadata(record, ref, metadata);
      if (record.size() >= kRecordBytes) TRY(Store(std::exchange(record, {})));
    }
    return record.empty() ? Result<void>() : Store(std::move(record));
  }

 private:
  Result<void> Add(std::string_view record) {
    if (record.empty()) return {};
    switch (static_cast<RecordType>(record[0])) {
      case RecordType::kSeries:
        return AddSeriesOf(record);
      case RecordType::kSamples:
        return AddSamplesOf(record);
      case RecordType::kTombstones:
        return AddTombstones(record);
      case RecordType::kExemplars:
        return AddExemplars(record);
      case RecordType::kMetadata:
        return KeepMetadata(record);
      case RecordType::kHistograms:
      case RecordType::kFloatHistograms:
      case RecordType::kCustomHistograms:
      case RecordType::kCustomFloatHistograms:
        return AddHistograms(record);
      default:
        TRY(Flush(0));
        return Store(std::string(record));
    }
  }

  Result<void> AddSeriesOf(std::string_view record) {
    std::vector<SeriesEntry> entries;
    TRY(DecodeSeries(record, &entries));
    for (const SeriesEntry& entry : entries) {
      if (options_.keep_series(entry, last_)) {
        AddSeries(series_, entry.ref, entry.labels);
      } else {
        dropped_refs_.insert(entry.ref);
      }
    }
    // Samples must not come before their series.
    return series_.size() < kRecordBytes ? Result<void>() : Flush(0);
  }

  Result<void> AddSamplesOf(std::string_view record) {
    std::vector<SampleEntry> entries;
    TRY(DecodeSamples(record, &entries));
    for (const SampleEntry& entry : entries) {
      if (entry.t >= options_.mint) samples_.Add(entry.ref, entry.t, entry.v);
    }
    return Flush(kRecordBytes);
  }

  // Behind the samples and series that they are about.
  Result<void> AddTombstones(std::string_view record) {
    std::vector<TombstoneEntry> entries;
    TRY(DecodeTombstones(record, &entries));
    std::string kept;
    for (const TombstoneEntry& entry : entries) {
      if (entry.interval.maxt >= options_.mint) AddTombstone(kept, entry);
    }
    if (kept.empty()) return {};
    TRY(Flush(0));
    return Store(std::move(kept));
  }

  // Flushed first, as the samples of a series must stay in their order.
  Result<void> AddHistograms(std::string_view record) {
    std::vector<HistogramEntry> entries;
    TRY(DecodeHistograms(record, &entries));
    HistogramsRecord kept(static_cast<RecordType>(record[0]));
    for (const HistogramEntry& entry : entries) {
      if (entry.t >= options_.mint) kept.Add(entry.ref, entry.t, entry.view());
    }
    if (kept.empty()) return {};
    TRY(Flush(0));
    return Store(kept.Take());
  }

  Result<void> AddExemplars(std::string_view record) {
    std::vector<ExemplarEntry> entries;
    TRY(DecodeExemplars(record, &entries));
    ExemplarsRecord kept;
    for (const ExemplarEntry& entry : entries) {
      if (entry.exemplar.t >= options_.mint) kept.Add(entry.ref, entry.exemplar);
    }
    if (kept.empty()) return {};
    TRY(Flush(0));
    return Store(kept.Take());
  }

  // Of each series that stays the newest, which is written in the end.
  Result<void> KeepMetadata(std::string_view record) {
    std::vector<MetadataEntry> entries;
    TRY(DecodeMetadata(record, &entries));
    for (MetadataEntry& entry : entries) {
      if (dropped_refs_.count(entry.ref) == 0) metadata_[entry.ref] = std::move(entry.metadata);
    }
    return {};
  }

  Result<void> Flush(size_t at_least) {
    if (samples_.bytes().size() < at_least) return {};
    if (!series_.empty()) TRY(Store(std::exchange(series_, {})));
    if (!samples_.empty()) TRY(Store(samples_.Take()));
    return {};
  }
  Result<void> Store(std::string record) {
    std::vector<StoredRecord> records;
    records.push_back(StoreRecord(std::move(record), options_.compression));
    return out_.Write(records);
  }

  const CheckpointOptions& options_;
  const uint64_t last_;
  Wal& out_;
  std::string series_;
  SamplesRecord samples_;
  std::unordered_set<uint64_t> dropped_refs_;
  std::map<uint64_t, model::Metadata> metadata_;
};

Result<void> WriteCheckpoint(const LogFiles& files, uint64_t last, const std::string& path,
                             const CheckpointOptions& options) {
  std::string temporary = path + ".tmp";
  TRY(base::RemoveTree(temporary));
  TRY(base::MakeDirectories(temporary));
  {
    auto out = TRY(Wal::Open(temporary, 0, kSegmentBytes));
    Filter filter(options, last, *out);
    for (const std::string& segment : files.checkpoint) TRY(filter.Read(segment));
    for (const LogSegment& segment : files.segments) {
      if (segment.index <= last) TRY(filter.Read(segment.path));
    }
    TRY(filter.Finish());
    TRY(out->Sync());
  }
  TRY(base::SyncDirectory(temporary));
  TRY(base::RemoveTree(path));
  return base::RenameFile(temporary, path);
}

// Whether a file of the log is needless once checkpoint `last` is there.
bool IsReplaced(const std::string& name, uint64_t last) {
  if (auto index = ParseSegmentName(name)) return *index <= last;
  constexpr std::string_view kPrefix = "checkpoint.";
  if (!name.starts_with(kPrefix)) return false;
  auto index = base::ParseInt<uint64_t>(std::string_view(name).substr(kPrefix.size()));
  return index && *index < last;
}

}  // namespace

uint64_t LogBytes(const std::string& directory) {
  auto names = base::ListDirectory(directory);
  int64_t total = 0;
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    total += TreeBytes(StrCat(directory, "/", name));
  }
  return static_cast<uint64_t>(total);
}

Result<void> RemoveUnfinishedCheckpoints(const std::string& directory) {
  for (const std::string& name : TRY(base::ListDirectory(directory))) {
    bool unfinished = name.starts_with("checkpoint.") && name.ends_with(".tmp");
    if (unfinished) TRY(base::RemoveTree(StrCat(directory, "/", name)));
  }
  return {};
}

Result<CheckpointReport> TruncateLog(const std::string& directory,
                                     const CheckpointOptions& options) {
  CheckpointReport report;
  LogFiles files = TRY(ListLog(directory));
  std::erase_if(files.segments, [&](const LogSegment& segment) {
    return segment.index >= options.current_segment;
  });
  if (files.segments.empty()) return report;
  uint64_t first = files.segments.front().index;
  uint64_t newest = files.segments.back().index;
  uint64_t last = first + (newest - first) * 2 / 3;
  if (last <= first) return report;
  std::string path = StrCat(directory, "/", CheckpointName(last));
  TRY(WriteCheckpoint(files, last, path, options));
  TRY(base::SyncDirectory(directory));
  report.made = true;
  report.last_segment = last;
  report.bytes_freed = -TreeBytes(path);
  for (const std::string& name : TRY(base::ListDirectory(directory))) {
    if (!IsReplaced(name, last)) continue;
    std::string old = StrCat(directory, "/", name);
    report.bytes_freed += TreeBytes(old);
    TRY(base::RemoveTree(old));
  }
  return report;
}

}  // namespace slurmscope::tsdb
