#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/bounded_queue.h"
#include "tsdb/label_index.h"
#include "tsdb/wal_exemplar_record.h"
#include "tsdb/wal_histogram_record.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {

// A series of a record: its labels are a run in DecodedRecord::labels.
struct LoggedSeries {
  uint64_t ref = 0;
  uint64_t hash = 0;  // of the labels, as model::Labels has it
  uint32_t first_label = 0;
  uint32_t label_count = 0;
};

// The content of one record. The views of `labels` are into `bytes` and `rewritten`, and stay good
// when the object is moved.
struct DecodedRecord {
  std::vector<LoggedSeries> series;
  std::vector<model::Label> labels;
  std::vector<SampleEntry> samples;
  std::vector<TombstoneEntry> tombstones;
  std::vector<HistogramEntry> histograms;
  std::vector<ExemplarEntry> exemplars;
  std::vector<MetadataEntry> metadata;

  std::vector<char> bytes;
  std::deque<model::Labels> rewritten;  // label sets that were not in order

  LabelViews LabelsOf(const LoggedSeries& entry) const {
    return {labels.data() + entry.first_label, entry.label_count};
  }
  void Clear() {
    series.clear();
    labels.clear();
    samples.clear();
    tombstones.clear();
    histograms.clear();
    exemplars.clear();
    metadata.clear();
    rewritten.clear();
  }
};

using RecordQueue = BoundedQueue<DecodedRecord>;

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

// Decodes a record into an empty `out`; false when it is of a known type that is not applied, which
// `counts` is told. An unknown type is kUnavailable, a malformed record kCorruption. Safe on any
// bytes.
base::Result<bool> DecodeRecord(std::string_view record, DecodedRecord* out, ReadCounts* counts);

// Pushes the records of a segment; nullopt when it was good to the end. Errors: the file cannot be
// read, a record type is unknown (kUnavailable, with type and place), or `stop` became true
// (kCanceled).
base::Result<std::optional<WalDamage>> ReadSegment(const std::string& path, RecordQueue& queue,
                                                   const std::atomic<bool>& stop,
                                                   ReadCounts* counts);

}  // namespace slurmscope::tsdb
