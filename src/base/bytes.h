#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slurmscope::base {

// Writers of the number encodings that Prometheus' files use: big-endian fixed integers and Go's
// varints (LEB128; signed ones zigzag). They append to a string used as a byte buffer.
void PutU16Be(std::string& out, uint16_t value);
void PutU32Be(std::string& out, uint32_t value);
void PutU64Be(std::string& out, uint64_t value);
void PutUvarint(std::string& out, uint64_t value);
void PutVarint(std::string& out, int64_t value);
// Uvarint length, then the bytes.
void PutUvarintString(std::string& out, std::string_view value);

// Reads the same from a buffer that must outlive it. After the first read past the end or malformed
// varint, ok() is false and every read gives zero or empty: check once at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view data) : data_(data) {}

  uint8_t U8();
  uint16_t U16Be();
  uint32_t U32Be();
  uint64_t U64Be();
  uint64_t Uvarint() {
    if (data_.empty() || static_cast<uint8_t>(data_[0]) >= 0x80) return LongUvarint();
    auto value = static_cast<uint8_t>(data_[0]);
    data_.remove_prefix(1);
    return value;
  }
  int64_t Varint();
  std::string_view Bytes(size_t n);
  std::string_view UvarintString();

  bool ok() const { return ok_; }
  bool empty() const { return data_.empty(); }
  size_t remaining() const { return data_.size(); }
  std::string_view rest() const { return data_; }

 private:
  std::string_view Take(size_t n);
  uint64_t LongUvarint();
  std::string_view data_;
  bool ok_ = true;
};

// CRC-32C (Castagnoli) of `data`, continuing from `seed` (the CRC so far). Uses SSE 4.2 where the
// CPU has it.
uint32_t Crc32c(std::string_view data, uint32_t seed = 0);

// xxHash64 of `data`.
uint64_t Hash64(std::string_view data);

}  // namespace slurmscope::base
