#include "tsdb/bit_stream.h"

#include <algorithm>

namespace slurmscope::tsdb {
namespace {

// Sizes of the number codes: i + 1 ones and a zero go before a number of kCodeBits[i] bits, eight
// ones before one of 64.
constexpr unsigned kCodeBits[] = {3, 6, 9, 12, 18, 25, 56};
constexpr unsigned kLongCode = std::size(kCodeBits);
constexpr unsigned kMaxLeading = 31;  // five bits hold it

uint64_t Mask(unsigned bits) { return bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1; }

// The range is lopsided, -(2^(n-1)-1) .. 2^(n-1): Prometheus' reader depends on it.
bool FitsIn(int64_t value, unsigned bits) {
  int64_t half = int64_t{1} << (bits - 1);
  return value > -half && value <= half;
}

}  // namespace

void BitWriter::Put(uint64_t value, unsigned n) {
  while (n > 0) {
    if (free_ == 0) {
      bytes_ += '\0';
      free_ = 8;
    }
    unsigned take = std::min(n, free_);
    n -= take;
    free_ -= take;
    auto piece = static_cast<uint8_t>((value >> n) & ((1u << take) - 1));
    bytes_.back() = static_cast<char>(static_cast<uint8_t>(bytes_.back()) | (piece << free_));
  }
}

void BitWriter::PutCode(unsigned size_class, uint64_t value) {
  if (size_class == kLongCode) {
    Put(0xFF, 8);
    Put(value, 64);
    return;
  }
  Put(Mask(size_class + 1) << 1, size_class + 2);
  Put(value & Mask(kCodeBits[size_class]), kCodeBits[size_class]);
}

void BitWriter::PutVarbitInt(int64_t value) {
  if (value == 0) return Put(0, 1);
  unsigned size_class = 0;
  while (size_class < kLongCode && !FitsIn(value, kCodeBits[size_class])) ++size_class;
  PutCode(size_class, static_cast<uint64_t>(value));
}

void BitWriter::PutVarbitUint(uint64_t value) {
  if (value == 0) return Put(0, 1);
  unsigned size_class = 0;
  while (size_class < kLongCode && value > Mask(kCodeBits[size_class])) ++size_class;
  PutCode(size_class, value);
}

void BitWriter::PutXor(XorValue& last, double value) {
  auto value_bits = std::bit_cast<uint64_t>(value);
  uint64_t changed = value_bits ^ last.bits;
  last.bits = value_bits;
  if (changed == 0) return Put(0, 1);
  unsigned leading = std::min(static_cast<unsigned>(std::countl_zero(changed)), kMaxLeading);
  auto trailing = static_cast<unsigned>(std::countr_zero(changed));
  bool in_window =
      last.leading != XorValue::kNoWindow && leading >= last.leading && trailing >= last.trailing;
  if (in_window) {
    Put(0b10, 2);
  } else {
    last.leading = static_cast<uint8_t>(leading);
    last.trailing = static_cast<uint8_t>(trailing);
    unsigned significant = 64 - leading - trailing;
    Put((uint64_t{0b11} << 11) | (uint64_t{leading} << 6) | (significant & 63), 13);
  }
  Put(changed >> last.trailing, 64u - last.leading - last.trailing);
}

unsigned BitReader::ReadCode(uint64_t* value) {
  uint64_t next = Peek();
  auto ones = static_cast<unsigned>(std::countl_one(next));
  if (ones == 0) {
    ++position_;
    *value = 0;
    return 0;
  }
  if (ones > kLongCode) {
    position_ += kLongCode + 1;
    *value = Read(64);
    return 64;
  }
  position_ += ones + 1;
  unsigned size = kCodeBits[ones - 1];
  *value = Read(size);
  return size;
}

int64_t BitReader::ReadVarbitInt() {
  uint64_t value;
  unsigned size = ReadCode(&value);
  bool negative = size > 0 && size < 64 && value > uint64_t{1} << (size - 1);
  return static_cast<int64_t>(negative ? value - (uint64_t{1} << size) : value);
}

uint64_t BitReader::ReadVarbitUint() {
  uint64_t value;
  ReadCode(&value);
  return value;
}

bool BitReader::ReadXor(XorValue& last) {
  uint64_t next = Peek();
  if ((next >> 63) == 0) {
    ++position_;
    return true;
  }
  if ((next >> 62) == 0b10) {
    position_ += 2;
    if (last.leading == XorValue::kNoWindow) return false;
  } else {
    position_ += 13;
    auto header = static_cast<unsigned>((next >> 51) & 0x7FF);
    unsigned leading = header >> 6;
    unsigned significant = (header & 63) == 0 ? 64 : header & 63;
    if (leading + significant > 64) return false;
    last.leading = static_cast<uint8_t>(leading);
    last.trailing = static_cast<uint8_t>(64 - leading - significant);
  }
  last.bits ^= Read(64u - last.leading - last.trailing) << last.trailing;
  return true;
}

}  // namespace slurmscope::tsdb
