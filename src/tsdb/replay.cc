#include "tsdb/replay.h"

#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "tsdb/replay_apply.h"
#include "tsdb/replay_reader.h"
#include "tsdb/set_aside.h"
#include "tsdb/wal_format.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::StrCat;

constexpr std::string_view kCheckpointPrefix = "checkpoint.";
constexpr size_t kQueuedRecords = 64;

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

Result<void> ReadAll(const LogFiles& plan, RecordQueue& queue, const std::atomic<bool>& stop,
                     ReplayProgress* progress, Reading* reading) {
  if (progress != nullptr && !plan.segments.empty()) {
    progress->first = progress->current = plan.segments.front().index;
    progress->last = plan.segments.back().index;
  }
  for (const std::string& path : plan.checkpoint) {
    reading->checkpoint_damage = TRY(ReadSegment(path, queue, stop, &reading->counts));
    // What follows is still worth having.
    if (reading->checkpoint_damage) break;
  }
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    if (progress != nullptr) progress->current = plan.segments[i].index;
    reading->damage = TRY(ReadSegment(plan.segments[i].path, queue, stop, &reading->counts));
    if (!reading->damage) continue;
    reading->damaged_segment = i;
    reading->damage->torn = reading->damage->torn && i + 1 == plan.segments.size();
    break;
  }
  return {};
}

// Reads a log in one thread and applies its records in this one.
Result<Reading> ReadLog(const LogFiles& plan, const std::atomic<bool>& stop,
                        ReplayProgress* progress,
                        const std::function<Result<void>(const DecodedRecord&)>& apply) {
  RecordQueue queue(kQueuedRecords);
  Reading reading;
  std::thread decoder([&] {
    if (auto read = ReadAll(plan, queue, stop, progress, &reading); !read)
      reading.error = read.error();
    queue.Close();
  });
  Result<void> applied;
  while (auto record = queue.Pop()) {
    if (applied) applied = apply(*record);
    queue.GiveBack(*std::move(record));
  }
  decoder.join();
  TRY(std::move(applied));
  if (reading.error) return Fail(*reading.error);
  return reading;
}

// Moves the bad tail and the later segments out of the log. Gives the number of bytes moved.
Result<uint64_t> SetAside(const std::string& directory, const LogFiles& plan,
                          const Reading& reading) {
  const WalDamage& damage = *reading.damage;
  std::string aside = TRY(MakeCorruptDirectory(directory));
  std::string name = BaseName(damage.path);
  uint64_t moved = damage.size - damage.good_bytes;
  TRY(SaveTail(damage.path, damage.good_bytes,
               StrCat(aside, "/", name, ".from-", damage.good_bytes)));
  for (size_t i = plan.segments.size() - 1; i > reading.damaged_segment; --i) {
    const std::string& path = plan.segments[i].path;
    base::File file = TRY(base::File::Open(path, O_RDONLY));
    moved += TRY_CONTEXT(file.Size(), path);
    TRY(base::RenameFile(path, StrCat(aside, "/", BaseName(path))));
  }
  TRY(base::SyncDirectory(aside));
  return moved;
}

std::string Describe(const WalDamage& damage) {
  return StrCat(damage.path, " at offset ", damage.good_bytes, ": ", damage.problem);
}

void ReportDamage(const Reading& reading, ReplayReport* report) {
  if (reading.checkpoint_damage) report->corruption = Describe(*reading.checkpoint_damage);
  if (!reading.damage) return;
  report->dropped_bytes = reading.damage->size - reading.damage->good_bytes;
  if (reading.damage->torn) return;
  if (!report->corruption.empty()) report->corruption += "; ";
  report->corruption += Describe(*reading.damage);
}

Result<void> Repair(const std::string& directory, const LogFiles& plan, const Reading& reading,
                    ReplayReport* report) {
  if (!reading.damage) return {};
  const WalDamage& damage = *reading.damage;
  if (damage.torn) {
    base::LogInfo("a log ended inside a record, as after a crash",
                  {{"segment", damage.path}, {"dropped_bytes", report->dropped_bytes}});
  } else {
    report->dropped_bytes = TRY(SetAside(directory, plan, reading));
  }
  TRY(CutFile(damage.path, damage.good_bytes));
  return base::SyncDirectory(directory);
}

void LogFindings(const std::string& log, const ReplayReport& report) {
  if (report.incomplete_series > 0) {
    base::LogWarn("the oldest files of chunks_head are missing; the log has their samples",
                  {{"series", report.incomplete_series}});
  }
  if (!report.corruption.empty()) {
    base::LogError("a log is damaged; what followed was put into its corrupt-* directory",
                   {{"damage", report.corruption}, {"dropped_bytes", report.dropped_bytes}});
  }
  if (report.unknown_series_samples > 0) {
    base::LogWarn("a log has samples of unknown series",
                  {{"log", log}, {"samples", report.unknown_series_samples}});
  }
  if (report.invalid_histograms > 0) {
    base::LogWarn("a log has histograms that make no sense and were left out",
                  {{"log", log}, {"samples", report.invalid_histograms}});
  }
  for (size_t type = 0; type < report.skipped_records.size(); ++type) {
    if (report.skipped_records[type] == 0) continue;
    base::LogWarn("a log has records that this version keeps but does not apply",
                  {{"log", log}, {"type", type}, {"records", report.skipped_records[type]}});
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

Result<void> LoadChunks(const std::string& path, const ReplayOptions& options,
                        const std::atomic<bool>& stop, Head& head, ChunkChains* chunks,
                        ReplayReport* report) {
  HeadChunkFilesReport found;
  auto files = TRY(HeadChunkFiles::Open(
      {path + "/chunks_head", options.head_chunk_file_bytes, options.on_damage}, stop,
      [&](const HeadChunkFiles::Stored& stored) { chunks->Add(stored); }, &found));
  report->head_chunks = found.chunks;
  report->head_chunk_damage = found.damage;
  head.KeepChunkFiles(std::move(files));
  return {};
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

Result<ReplayResult> Replay(const std::string& path, Head& head, const std::atomic<bool>& stop,
                            const ReplayOptions& options) {
  ReplayResult result;
  ReplayReport& report = result.report;
  ChunkChains chunks(head);
  TRY(LoadChunks(path, options, stop, head, &chunks, &report));
  std::string directory = path + "/wal";
  LogFiles plan = TRY(ListLog(directory));
  // One thread reads, this one makes the series.
  ReplayApplier applier(head, chunks, std::clamp(std::thread::hardware_concurrency(), 2u, 9u) - 1);
  Reading reading = TRY(ReadLog(plan, stop, options.progress, [&](const DecodedRecord& record) {
    applier.Apply(record);
    return Result<void>();
  }));
  result.next_segment = plan.next_segment;
  applier.Finish(&report);
  result.refs = applier.TakeRefs();
  report.segments = reading.counts.segments;
  report.records = reading.counts.records;
  report.skipped_records = reading.counts.skipped;
  ReportDamage(reading, &report);
  if (options.on_damage == DamageAction::kRepair) {
    TRY(Repair(directory, plan, reading, &report));
    LogFindings(directory, report);
  }
  result.wal_bytes = TRY(TotalBytes(plan));
  return result;
}

Result<void> ReplayWbl(const std::string& path, Head& head, const std::atomic<bool>& stop,
                       DamageAction action, ReplayResult* result) {
  std::string directory = path + "/wbl";
  if (!TRY(base::FileExists(directory))) return {};
  LogFiles plan = TRY(ListLog(directory));
  plan.checkpoint.clear();  // it never has one
  OooReplayApplier applier(head, result->refs);
  Reading reading = TRY(ReadLog(
      plan, stop, nullptr, [&](const DecodedRecord& record) { return applier.Apply(record); }));
  result->next_wbl_segment = plan.next_segment;
  ReplayReport found;
  applier.Finish(&found);
  ReportDamage(reading, &found);
  if (action == DamageAction::kRepair) {
    TRY(Repair(directory, plan, reading, &found));
    LogFindings(directory, found);
  }
  ReplayReport& report = result->report;
  report.series = found.series;
  report.ooo_samples = found.ooo_samples;
  report.ooo_histograms = found.ooo_histograms;
  report.invalid_histograms += found.invalid_histograms;
  report.unknown_series_samples += found.unknown_series_samples;
  report.dropped_bytes += found.dropped_bytes;
  bool both = !report.corruption.empty() && !found.corruption.empty();
  base::StrAppend(report.corruption, both ? "; " : "", found.corruption);
  return {};
}

}  // namespace slurmscope::tsdb
