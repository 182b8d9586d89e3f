#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tsdb/open_histogram.h"
#include "tsdb/wal_record.h"

namespace slurmscope::tsdb {

// Records 7 to 10 of the write-ahead log: histogram samples, integer or float, each with custom
// buckets or without; docs/formats/wal.md.
struct HistogramEntry {
  uint64_t ref = 0;
  int64_t t = 0;
  std::variant<model::IntHistogram, model::FloatHistogram> h;

  HistogramRef view() const {
    return h.index() == 0 ? HistogramRef(std::get<0>(h)) : HistogramRef(std::get<1>(h));
  }
};

// The type of record that a histogram goes into.
RecordType HistogramRecordType(HistogramRef h);

// A record of one type in the making. Not thread-safe.
class HistogramsRecord {
 public:
  explicit HistogramsRecord(RecordType type) : type_(type) {}
  RecordType type() const { return type_; }
  // `h` is one for this type.
  void Add(uint64_t ref, int64_t t, HistogramRef h);
  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }
  // Gives the record away and starts anew.
  std::string Take() { return std::exchange(bytes_, {}); }

 private:
  RecordType type_;
  std::string bytes_;
  uint64_t first_ref_ = 0;
  int64_t first_t_ = 0;
};

// Appends what a record of these types holds, as it is: Validate() has not been asked. kCorruption
// when the bytes do not fit the layout; safe on any bytes.
base::Result<void> DecodeHistograms(std::string_view record, std::vector<HistogramEntry>* out);

}  // namespace slurmscope::tsdb
