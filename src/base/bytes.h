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

  uint8_t U8() { return BigEndian<uint8_t>(); }
  uint16_t U16Be() { return BigEndian<uint16_t>(); }
  uint32_t U32Be() { return BigEndian<uint32_t>(); }
  uint64_t U64Be() { return BigEndian<uint64_t>(); }
  uint64_t Uvarint() {
    if (data_.size() < 2) return LongUvarint();
    uint64_t low = static_cast<uint8_t>(data_[0]);
    uint64_t high = static_cast<uint8_t>(data_[1]);
    if (low < 0x80) {
      data_.remove_prefix(1);
      return low;
    }
    if (high >= 0x80) return LongUvarint();
    data_.remove_prefix(2);
    return (high << 7) | (low & 0x7F);
  }
  int64_t Varint() {
    uint64_t zigzag = Uvarint();
    return static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
  }
  std::string_view Bytes(size_t n) { return Take(n); }
  std::string_view UvarintString() { return Take(Uvarint()); }

  bool ok() const { return ok_; }
  bool empty() const { return data_.empty(); }
  size_t remaining() const { return data_.size(); }
  std::string_view rest() const { return data_; }

 private:
  std::string_view Take(size_t n) {
    if (n > data_.size()) return Fail();
    std::string_view taken = data_.substr(0, n);
    data_.remove_prefix(n);
    return taken;
  }
  template <typename T>
  T BigEndian() {
    std::string_view bytes = Take(sizeof(T));
    if (bytes.size() != sizeof(T)) return 0;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    return static_cast<T>(__builtin_bswap64(value));
  }
  std::string_view Fail();
  uint64_t LongUvarint();
  std::string_view data_;
  bool ok_ = true;
};

// CRC-32C (Castagnoli) of `data`, continuing from `seed` (the CRC so far). Uses SSE 4.2 and
// carry-less products where the CPU has them. crc32c.cc
uint32_t Crc32c(std::string_view data, uint32_t seed = 0);

// xxHash64 of `data`.
uint64_t Hash64(std::string_view data);

}  // namespace slurmscope::base
