#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bytes.h"

namespace slurmscope::base {
namespace {

// Polynomials have their term x^0 in the top bit.
constexpr uint32_t kPolynomial = 0x82F63B78;

constexpr uint32_t TimesX(uint32_t crc) { return (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0); }

constexpr std::array<uint32_t, 256> MakeByteTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = TimesX(crc);
    table[i] = crc;
  }
  return table;
}

uint32_t CrcByTable(std::string_view data, uint32_t crc) {
  static constexpr std::array<uint32_t, 256> kTable = MakeByteTable();
  for (char c : data) crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)

constexpr size_t kMostWords = 64;  // of a part

// x^(64 n - 33), by which a checksum is multiplied to stand n words further on: a product without
// carries lacks a factor x, and the instruction multiplies by x^32.
constexpr std::array<uint32_t, 2 * kMostWords + 1> MakeShifts() {
  std::array<uint32_t, 2 * kMostWords + 1> shifts{};
  uint32_t power = 0x80000000;
  for (size_t i = 0; i < 64 - 33; ++i) power = TimesX(power);
  for (size_t words = 1; words < shifts.size(); ++words) {
    shifts[words] = power;
    for (size_t i = 0; i < 64; ++i) power = TimesX(power);
  }
  return shifts;
}

uint64_t WordAt(const char* data, size_t i) {
  uint64_t word;
  std::memcpy(&word, data + i * 8, 8);
  return word;
}

__attribute__((target("sse4.2,pclmul"))) __m128i Product(uint64_t crc, uint32_t shift) {
  return _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(crc)),
                              _mm_cvtsi64_si128(static_cast<int64_t>(shift)), 0);
}

// Three parts side by side: the instruction takes one word each cycle, but three cycles until the
// next one may follow it.
__attribute__((target("sse4.2,pclmul"))) uint64_t CrcOfThreeParts(const char* data, size_t words,
                                                                  uint64_t crc) {
  static constexpr auto kShifts = MakeShifts();
  uint64_t second = 0;
  uint64_t third = 0;
  for (size_t i = 0; i < words; ++i) {
    crc = _mm_crc32_u64(crc, WordAt(data, i));
    second = _mm_crc32_u64(second, WordAt(data, words + i));
    third = _mm_crc32_u64(third, WordAt(data, 2 * words + i));
  }
  __m128i sum = _mm_xor_si128(Product(crc, kShifts[2 * words]), Product(second, kShifts[words]));
  return third ^ _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(sum)));
}

__attribute__((target("sse4.2,pclmul"))) uint32_t CrcByInstruction(std::string_view data,
                                                                   uint32_t seed) {
  constexpr size_t kFewWords = 8;
  uint64_t crc = seed;
  for (size_t words = data.size() / 24; words >= kFewWords; words = data.size() / 24) {
    words = words < kMostWords ? words : kMostWords;
    crc = CrcOfThreeParts(data.data(), words, crc);
    data.remove_prefix(3 * words * 8);
  }
  for (; data.size() >= 8; data.remove_prefix(8)) crc = _mm_crc32_u64(crc, WordAt(data.data(), 0));
  auto narrow = static_cast<uint32_t>(crc);
  for (char c : data) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(c));
  return narrow;
}
#endif

}  // namespace

uint32_t Crc32c(std::string_view data, uint32_t seed) {
#if defined(__x86_64__)
  static const bool has_instructions =
      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
  if (has_instructions) return ~CrcByInstruction(data, ~seed);
#endif
  return ~CrcByTable(data, ~seed);
}

}  // namespace slurmscope::base
