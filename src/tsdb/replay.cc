#include "tsdb/replay.h"

#include <fcntl.h>

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/replay_reader.h"
#include "tsdb/wal_format.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr std::string_view kCheckpointPrefix = "checkpoint.";
constexpr uint64_t kMaxTailBytes = uint64_t{1} << 30;

std::vector<uint64_t> SegmentIndexes(const std::vector<std::string>& names) {
  std::vector<uint64_t> indexes;
  for (const std::string& name : names) {
    if (auto index = ParseSegmentName(name)) indexes.push_back(*index);
  }
  std::sort(indexes.begin(), indexes.end());
  return indexes;
}

// What the decoding thread found.
struct Reading {
  ReadCounts counts;
  std::optional<WalDamage> checkpoint_damage;
  std::optional<WalDamage> damage;
  size_t damaged_segment = 0;  // index in the plan
  std::optional<base::Error> error;
};

Result<void> ReadAll(const LogFiles& plan, RecordQueue& queue, Reading* reading) {
  for (const std::string& path : plan.checkpoint) {
    reading->checkpoint_damage = TRY(ReadSegment(path, queue, &reading->counts));
    // What follows is still worth having.
    if (reading->checkpoint_damage) break;
  }
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    reading->damage = TRY(ReadSegment(plan.segments[i].path, queue, &reading->counts));
    if (!reading->damage) continue;
    reading->damaged_segment = i;
    reading->damage->torn = reading->damage->torn && i + 1 == plan.segments.size();
    break;
  }
  return {};
}

// Series by the refs of the log: dense below a bound, as refs are handed out in order.
class RefMap {
 public:
  void Set(uint64_t ref, SeriesId id) {
    if (ref >= kDense) {
      sparse_[ref] = id + 1;
      return;
    }
    if (ref >= dense_.size()) dense_.resize(std::max<size_t>(ref + 1, dense_.size() * 2));
    dense_[ref] = id + 1;
  }
  std::optional<SeriesId> Get(uint64_t ref) const {
    uint32_t id_plus_one = 0;
    if (ref < dense_.size()) id_plus_one = dense_[ref];
    if (ref >= kDense) {
      auto it = sparse_.find(ref);
      if (it != sparse_.end()) id_plus_one = it->second;
    }
    if (id_plus_one == 0) return std::nullopt;
    return id_plus_one - 1;
  }

 private:
  static constexpr uint64_t kDense = 1 << 24;
  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
};

class Applier {
 public:
  explicit Applier(Head& head) : head_(head) {}

  void Apply(const DecodedRecord& record) {
    for (const SeriesEntry& entry : record.series) AddSeries(entry);
    for (const SampleEntry& entry : record.samples) AddSample(entry);
    for (const HistogramEntry& entry : record.histograms) AddHistogram(entry);
    for (const TombstoneEntry& entry : record.tombstones) AddTombstone(entry);
    for (const ExemplarEntry& entry : record.exemplars) AddExemplar(entry);
    for (const MetadataEntry& entry : record.metadata) AddMetadata(entry);
  }

  void Finish(ReplayReport* report) {
    head_.Count(samples_, chunks_, mint_, maxt_);
    head_.PublishAll();
    head_.CountHistograms(histograms_);
    report->samples = samples_;
    report->histograms = histograms_;
    report->invalid_histograms = invalid_;
    report->unknown_series_samples = unknown_;
    HeadStats stats;
    head_.FillStats(&stats);
    report->series = stats.series;
  }

 private:
  // A restarted Prometheus may name a series again by another ref.
  void AddSeries(const SeriesEntry& entry) {
    auto handle = head_.GetOrCreate(entry.labels, entry.ref);
    if (!handle) return;
    head_.ReserveWalRef(entry.ref);
    refs_.Set(entry.ref, handle->id);
    if (handle->series->wal_ref() == entry.ref) handle->series->logged = true;
  }

  void AddTombstone(const TombstoneEntry& entry) {
    auto id = refs_.Get(entry.ref);
    if (id && entry.interval.maxt >= head_.min_valid()) head_.tombstones().Add(*id, entry.interval);
  }

  void AddSample(const SampleEntry& entry) {
    auto id = refs_.Get(entry.ref);
    if (!id) {
      ++unknown_;
      return;
    }
    if (entry.t < head_.min_valid()) return;
    bool new_chunk = false;
    // Older ones are there already: a checkpoint repeats samples of its segments.
    if (!head_.series(*id).Append(entry.t, entry.v, head_.chunk_range_ms(), &new_chunk)) return;
    Count(entry.t, new_chunk);
  }

  void AddHistogram(const HistogramEntry& entry) {
    auto id = refs_.Get(entry.ref);
    HistogramRef h = entry.view();
    bool valid = h.stale() || (h.integer() ? model::Validate(h.ints()).has_value()
                                           : model::Validate(h.floats()).has_value());
    unknown_ += id ? 0 : 1;
    invalid_ += valid ? 0 : 1;
    if (!id || !valid || entry.t < head_.min_valid()) return;
    bool new_chunk = false;
    if (!head_.series(*id).Append(entry.t, h, head_.chunk_range_ms(), &new_chunk)) return;
    Count(entry.t, new_chunk);
    ++histograms_;
  }

  // Without regard to time: they are in no block.
  void AddExemplar(const ExemplarEntry& entry) {
    auto id = refs_.Get(entry.ref);
    if (id && head_.exemplars() != nullptr) {
      head_.exemplars()->Add(head_.LabelsOf(*id), entry.exemplar);
    }
  }

  void AddMetadata(const MetadataEntry& entry) {
    auto id = refs_.Get(entry.ref);
    if (id && head_.metadata() != nullptr) {
      head_.metadata()->Set(head_.series(*id).wal_ref(), entry.metadata);
    }
  }

  void Count(int64_t t, bool new_chunk) {
    ++samples_;
    chunks_ += new_chunk ? 1 : 0;
    mint_ = std::min(mint_, t);
    maxt_ = std::max(maxt_, t);
  }

  Head& head_;
  RefMap refs_;
  uint64_t samples_ = 0;
  uint64_t chunks_ = 0;
  uint64_t unknown_ = 0;
  uint64_t histograms_ = 0;
  uint64_t invalid_ = 0;
  int64_t mint_ = std::numeric_limits<int64_t>::max();
  int64_t maxt_ = kNoTime;
};

// Makes the first free `directory`/corrupt-<n>.
Result<std::string> MakeCorruptDirectory(const std::string& directory) {
  std::vector<std::string> names = TRY(base::ListDirectory(directory));
  for (uint64_t n = 1;; ++n) {
    std::string name = StrCat("corrupt-", n);
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string path = StrCat(directory, "/", name);
    TRY(base::MakeDirectories(path));
    return path;
  }
}

Result<void> SaveTail(const WalDamage& damage, const std::string& to) {
  base::File file = TRY(base::File::Open(damage.path, O_RDONLY));
  std::string tail(std::min(damage.size - damage.good_bytes, kMaxTailBytes), '\0');
  tail.resize(TRY_CONTEXT(file.ReadAt(tail.data(), tail.size(), damage.good_bytes), damage.path));
  return base::WriteFileAtomic(to, tail);
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Moves the bad tail and the later segments out of the log. Gives the number of bytes moved.
Result<uint64_t> SetAside(const std::string& directory, const LogFiles& plan,
                          const Reading& reading) {
  const WalDamage& damage = *reading.damage;
  std::string aside = TRY(MakeCorruptDirectory(directory));
  std::string name = BaseName(damage.path);
  uint64_t moved = damage.size - damage.good_bytes;
  TRY(SaveTail(damage, StrCat(aside, "/", name, ".from-", damage.good_bytes)));
  for (size_t i = plan.segments.size() - 1; i > reading.damaged_segment; --i) {
    const std::string& path = plan.segments[i].path;
    base::File file = TRY(base::File::Open(path, O_RDONLY));
    moved += TRY_CONTEXT(file.Size(), path);
    TRY(base::RenameFile(path, StrCat(aside, "/", BaseName(path))));
  }
  TRY(base::SyncDirectory(aside));
  return moved;
}

Result<void> CutBack(const WalDamage& damage) {
  base::File file = TRY(base::File::Open(damage.path, O_WRONLY));
  TRY_CONTEXT(file.Truncate(damage.good_bytes), damage.path);
  TRY_CONTEXT(file.Sync(), damage.path);
  return {};
}

std::string Describe(const WalDamage& damage) {
  return StrCat(damage.path, " at offset ", damage.good_bytes, ": ", damage.problem);
}

Result<void> Repair(const std::string& directory, const LogFiles& plan, const Reading& reading,
                    ReplayReport* report) {
  if (reading.checkpoint_damage) report->corruption = Describe(*reading.checkpoint_damage);
  if (!reading.damage) return {};
  const WalDamage& damage = *reading.damage;
  if (damage.torn) {
    report->dropped_bytes = damage.size - damage.good_bytes;
    base::LogInfo("the write-ahead log ended inside a record, as after a crash",
                  {{"segment", damage.path}, {"dropped_bytes", report->dropped_bytes}});
  } else {
    if (!report->corruption.empty()) report->corruption += "; ";
    report->corruption += Describe(damage);
    report->dropped_bytes = TRY(SetAside(directory, plan, reading));
  }
  TRY(CutBack(damage));
  return base::SyncDirectory(directory);
}

void LogFindings(const ReplayReport& report) {
  if (!report.corruption.empty()) {
    base::LogError("the write-ahead log is damaged; what followed was put into wal/corrupt-*",
                   {{"damage", report.corruption}, {"dropped_bytes", report.dropped_bytes}});
  }
  if (report.unknown_series_samples > 0) {
    base::LogWarn("the write-ahead log has samples of unknown series",
                  {{"samples", report.unknown_series_samples}});
  }
  if (report.invalid_histograms > 0) {
    base::LogWarn("the write-ahead log has histograms that make no sense and were left out",
                  {{"samples", report.invalid_histograms}});
  }
  for (size_t type = 0; type < report.skipped_records.size(); ++type) {
    if (report.skipped_records[type] == 0) continue;
    base::LogWarn("the write-ahead log has records that this version keeps but does not apply",
                  {{"type", type}, {"records", report.skipped_records[type]}});
  }
}

Result<uint64_t> TotalBytes(const LogFiles& plan) {
  uint64_t total = 0;
  std::vector<std::string> paths = plan.checkpoint;
  for (const LogSegment& segment : plan.segments) paths.push_back(segment.path);
  for (const std::string& path : paths) {
    auto file = base::File::Open(path, O_RDONLY);
    if (file) total += TRY_CONTEXT(file->Size(), path);
  }
  return total;
}

}  // namespace

Result<LogFiles> ListLog(const std::string& directory) {
  std::vector<std::string> names = TRY(base::ListDirectory(directory));
  LogFiles files;
  std::string checkpoint;
  uint64_t first = 0;
  for (const std::string& name : names) {
    if (!name.starts_with(kCheckpointPrefix)) continue;
    auto index = base::ParseInt<uint64_t>(std::string_view(name).substr(kCheckpointPrefix.size()));
    if (!index || *index + 1 <= first) continue;
    first = *index + 1;
    checkpoint = StrCat(directory, "/", name);
  }
  files.next_segment = first;
  for (uint64_t index : SegmentIndexes(names)) {
    files.next_segment = std::max(files.next_segment, index + 1);
    if (index >= first) {
      files.segments.push_back({index, StrCat(directory, "/", SegmentName(index))});
    }
  }
  if (checkpoint.empty()) return files;
  for (uint64_t index : SegmentIndexes(TRY(base::ListDirectory(checkpoint)))) {
    files.checkpoint.push_back(StrCat(checkpoint, "/", SegmentName(index)));
  }
  return files;
}

Result<ReplayResult> Replay(const std::string& directory, Head& head) {
  LogFiles plan = TRY(ListLog(directory));
  RecordQueue queue;
  Reading reading;
  std::thread decoder([&] {
    if (auto read = ReadAll(plan, queue, &reading); !read) reading.error = read.error();
    queue.Close();
  });
  Applier applier(head);
  while (auto record = queue.Pop()) applier.Apply(*record);
  decoder.join();
  if (reading.error) return Fail(*reading.error);

  ReplayResult result;
  result.next_segment = plan.next_segment;
  ReplayReport& report = result.report;
  applier.Finish(&report);
  report.segments = reading.counts.segments;
  report.records = reading.counts.records;
  report.skipped_records = reading.counts.skipped;
  TRY(Repair(directory, plan, reading, &report));
  LogFindings(report);
  result.wal_bytes = TRY(TotalBytes(plan));
  return result;
}

}  // namespace slurmscope::tsdb
