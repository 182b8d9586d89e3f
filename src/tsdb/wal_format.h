#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::tsdb {

// The outer layout of the write-ahead log, shared by reader and writer; docs/formats/wal.md.
inline constexpr size_t kPageBytes = 32 * 1024;
inline constexpr size_t kFragmentHeaderBytes = 7;

enum FragmentType : uint8_t { kPageTerm = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };
inline constexpr uint8_t kFragmentTypeMask = 0x07;
inline constexpr uint8_t kSnappyFlag = 0x08;
inline constexpr uint8_t kZstdFlag = 0x10;

// What we take for the size of one uncompressed record at most; more is damage.
inline constexpr size_t kMaxRecordBytes = 512 << 20;

// "00000007"
std::string SegmentName(uint64_t index);
// The index of a segment's file name; nullopt when it is the name of something else.
std::optional<uint64_t> ParseSegmentName(std::string_view name);

// A record as it is fragmented: compressed or not.
struct StoredRecord {
  std::string bytes;
  uint8_t flags = 0;
};
enum class WalCompression { kNone, kSnappy, kZstd };
// Compresses unless that is no gain. Thread-safe.
StoredRecord StoreRecord(std::string record, WalCompression compression);
// The record behind stored bytes, in `buffer` or in `stored` itself. kCorruption on bad input.
base::Result<std::string_view> DecompressRecord(std::string_view stored, uint8_t flags,
                                                std::string* buffer);

}  // namespace slurmscope::tsdb
