#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/exemplar.h"
#include "model/metadata.h"

namespace slurmscope::tsdb {

// Records 4 (exemplars) and 6 (metadata) of the write-ahead log; docs/formats/wal.md.
struct ExemplarEntry {
  uint64_t ref = 0;
  model::Exemplar exemplar;
};
struct MetadataEntry {
  uint64_t ref = 0;
  model::Metadata metadata;
};

// An exemplars record in the making. Not thread-safe.
class ExemplarsRecord {
 public:
  void Add(uint64_t ref, const model::Exemplar& exemplar);
  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }
  // Gives the record away and starts anew.
  std::string Take() { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
  uint64_t first_ref_ = 0;
  int64_t first_t_ = 0;
};

// Starts a metadata record in an empty `record`, or adds to it.
void AddMetadata(std::string& record, uint64_t ref, const model::Metadata& metadata);

// Append what a record of that type holds. kCorruption when the bytes do not fit the layout; safe
// on any bytes.
base::Result<void> DecodeExemplars(std::string_view record, std::vector<ExemplarEntry>* out);
base::Result<void> DecodeMetadata(std::string_view record, std::vector<MetadataEntry>* out);

}  // namespace slurmscope::tsdb
