#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "tsdb/tombstones.h"

namespace slurmscope::tsdb {

// Records of the write-ahead log; docs/formats/wal.md. The first byte is the type.
enum class RecordType : uint8_t {
  kSeries = 1,
  kSamples = 2,
  kTombstones = 3,
  kExemplars = 4,
  kMmapMarkers = 5,
  kMetadata = 6,
  kHistograms = 7,
  kFloatHistograms = 8,
  kCustomHistograms = 9,
  kCustomFloatHistograms = 10,
};
inline constexpr uint8_t kLastKnownRecordType = 10;

struct SeriesEntry {
  uint64_t ref = 0;
  model::Labels labels;
};
struct SampleEntry {
  uint64_t ref = 0;
  int64_t t = 0;
  double v = 0;
};

struct TombstoneEntry {
  uint64_t ref = 0;
  TimeInterval interval;
};

// A samples record in the making. Not thread-safe.
class SamplesRecord {
 public:
  void Add(uint64_t ref, int64_t t, double v);
  bool empty() const { return size_ == 0; }
  std::string_view bytes() const { return {buffer_.data(), size_}; }
  // Gives the record away and starts anew.
  std::string Take();
  void Clear() { size_ = 0; }
  // Makes room for so many samples at once.
  void Reserve(size_t samples);

 private:
  std::string buffer_;  // the record and room behind it
  size_t size_ = 0;
  uint64_t first_ref_ = 0;
  int64_t first_t_ = 0;
};

// Starts a series record in an empty `record`, or adds to it.
void AddSeries(std::string& record, uint64_t ref, const model::Labels& labels);
// The same up to the labels, which are to follow.
void BeginSeries(std::string& record, uint64_t ref);
// The same for a record of tombstones.
void AddTombstone(std::string& record, const TombstoneEntry& entry);

// Append what a record of that type holds. kCorruption when the bytes do not fit the layout; safe
// on any bytes.
base::Result<void> DecodeSeries(std::string_view record, std::vector<SeriesEntry>* out);
base::Result<void> DecodeSamples(std::string_view record, std::vector<SampleEntry>* out);
base::Result<void> DecodeTombstones(std::string_view record, std::vector<TombstoneEntry>* out);

}  // namespace slurmscope::tsdb
