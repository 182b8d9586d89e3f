#include <cstdint>
#include <string_view>

#include "tsdb/replay_reader.h"
#include "tsdb/wal_reader.h"

using namespace slurmscope::tsdb;

constexpr size_t kZstdBytes = 48;

// The input as a segment, and once more as a bare record: a checksum hides the decoders from the
// fuzzer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  ReadCounts counts;
  SegmentReader reader(input);
  std::string_view record;
  while (true) {
    auto next = reader.Read(&record);
    if (!next || *next != SegmentReader::Next::kRecord) break;
    DecodedRecord decoded;
    (void)DecodeRecord(record, &decoded, &counts);
  }
  DecodedRecord decoded;
  (void)DecodeRecord(input, &decoded, &counts);
  std::string buffer;
  (void)DecompressRecord(input, kSnappyFlag, &buffer);
  // A few bytes may stand for megabytes: that is slow, and nothing new after the first ones.
  (void)DecompressRecord(input.substr(0, kZstdBytes), kZstdFlag, &buffer);
  return 0;
}
