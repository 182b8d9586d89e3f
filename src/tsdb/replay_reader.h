#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/wal_exemplar_record.h"
#include "tsdb/wal_histogram_record.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {

// The content of one record.
struct DecodedRecord {
  std::vector<SeriesEntry> series;
  std::vector<SampleEntry> samples;
  std::vector<TombstoneEntry> tombstones;
  std::vector<HistogramEntry> histograms;
  std::vector<ExemplarEntry> exemplars;
  std::vector<MetadataEntry> metadata;
};

// Hands records from the thread that decodes to the one that applies. Bounded; thread-safe.
class RecordQueue {
 public:
  void Push(DecodedRecord record);
  // No more will come.
  void Close();
  // Waits; nullopt when closed and empty.
  std::optional<DecodedRecord> Pop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<DecodedRecord> records_;
  bool closed_ = false;
};

// Where a segment stopped making sense.
struct WalDamage {
  std::string path;
  uint64_t good_bytes = 0;
  uint64_t size = 0;
  bool torn = false;  // it just ends inside a record
  std::string problem;
};

// What was met on the way.
struct ReadCounts {
  uint64_t segments = 0;
  uint64_t records = 0;
  std::array<uint64_t, kLastKnownRecordType + 1> skipped{};
};

// Decodes a record into `out`; false when it is of a known type that is not applied, which `counts`
// is told. An unknown type is kUnavailable, a malformed record kCorruption. Safe on any bytes.
base::Result<bool> DecodeRecord(std::string_view record, DecodedRecord* out, ReadCounts* counts);

// Pushes the records of a segment; nullopt when it was good to the end. Errors: the file cannot be
// read, or a record type is unknown (kUnavailable, with type and place).
base::Result<std::optional<WalDamage>> ReadSegment(const std::string& path, RecordQueue& queue,
                                                   ReadCounts* counts);

}  // namespace slurmscope::tsdb
