#include "base/bytes.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif
#include <xxhash.h>

namespace slurmscope::base {
namespace {

template <typename T>
void PutBigEndian(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xFF);
  }
}

template <typename T>
T GetBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return static_cast<T>(value);
}

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}

uint32_t CrcByTable(std::string_view data, uint32_t crc) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  for (char c : data) crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t CrcByInstruction(std::string_view data, uint32_t crc) {
  uint64_t wide = crc;
  while (data.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, data.data(), 8);
    wide = _mm_crc32_u64(wide, word);
    data.remove_prefix(8);
  }
  auto narrow = static_cast<uint32_t>(wide);
  for (char c : data) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(c));
  return narrow;
}
#endif

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

std::string_view ByteReader::Take(size_t n) {
  if (n > data_.size()) {
    ok_ = false;
    data_ = {};
    return {};
  }
  std::string_view taken = data_.substr(0, n);
  data_.remove_prefix(n);
  return taken;
}

uint8_t ByteReader::U8() { return GetBigEndian<uint8_t>(Take(1)); }
uint16_t ByteReader::U16Be() { return GetBigEndian<uint16_t>(Take(2)); }
uint32_t ByteReader::U32Be() { return GetBigEndian<uint32_t>(Take(4)); }
uint64_t ByteReader::U64Be() { return GetBigEndian<uint64_t>(Take(8)); }
std::string_view ByteReader::Bytes(size_t n) { return Take(n); }

// Of more than one byte, or none.
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
  ok_ = false;
  data_ = {};
  return 0;
}

int64_t ByteReader::Varint() {
  uint64_t zigzag = Uvarint();
  return static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1));
}

std::string_view ByteReader::UvarintString() {
  uint64_t length = Uvarint();
  return Take(length);
}

uint32_t Crc32c(std::string_view data, uint32_t seed) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return ~CrcByInstruction(data, ~seed);
#endif
  return ~CrcByTable(data, ~seed);
}

uint64_t Hash64(std::string_view data) { return XXH64(data.data(), data.size(), 0); }

}  // namespace slurmscope::base
