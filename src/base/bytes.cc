#include "base/bytes.h"

#include <xxhash.h>

namespace slurmscope::base {
namespace {

template <typename T>
void PutBigEndian(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xFF);
  }
}

}  // namespace

void PutU16Be(std::string& out, uint16_t value) { PutBigEndian(out, value); }
void PutU32Be(std::string& out, uint32_t value) { PutBigEndian(out, value); }
void PutU64Be(std::string& out, uint64_t value) { PutBigEndian(out, value); }

void PutUvarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void PutVarint(std::string& out, int64_t value) {
  PutUvarint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void PutUvarintString(std::string& out, std::string_view value) {
  PutUvarint(out, value.size());
  out += value;
}

std::string_view ByteReader::Fail() {
  ok_ = false;
  data_ = {};
  return {};
}

// Of any length, or none.
uint64_t ByteReader::LongUvarint() {
  uint64_t value = 0;
  for (size_t i = 0; i < data_.size() && i < 10; ++i) {
    auto byte = static_cast<uint8_t>(data_[i]);
    if (i == 9 && byte > 1) break;  // more than 64 bits
    value |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte < 0x80) {
      data_.remove_prefix(i + 1);
      return value;
    }
  }
  Fail();
  return 0;
}

uint64_t Hash64(std::string_view data) { return XXH64(data.data(), data.size(), 0); }

}  // namespace slurmscope::base
