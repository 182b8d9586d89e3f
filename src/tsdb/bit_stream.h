#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace slurmscope::tsdb {

// Bits in a row, from the top of each byte down, and the number codes of histogram chunks;
// docs/formats/histogram-chunk.md.

// The window of significant bits that values which are written as XOR of their neighbours share.
struct XorValue {
  static constexpr uint8_t kNoWindow = 0xff;
  uint64_t bits = 0;
  uint8_t leading = kNoWindow;
  uint8_t trailing = 0;

  double value() const { return std::bit_cast<double>(bits); }
};

// Not thread-safe.
class BitWriter {
 public:
  // `value` has no bits above the lowest `n`.
  void Put(uint64_t value, unsigned n);
  void PutVarbitInt(int64_t value);
  void PutVarbitUint(uint64_t value);
  // The change from `last` to `value`, which becomes the last one.
  void PutXor(XorValue& last, double value);

  const std::string& bytes() const { return bytes_; }
  std::string& bytes() { return bytes_; }

 private:
  void PutCode(unsigned size_class, uint64_t value);
  std::string bytes_;
  unsigned free_ = 0;  // unused low bits of the last byte
};

// Bits past the end read as zero: ask past_end() in the end. The bytes must outlive the reader.
class BitReader {
 public:
  explicit BitReader(std::string_view data) : data_(data) {}

  // n <= 64; 0 gives 0.
  uint64_t Read(unsigned n) {
    if (n > 57) {
      uint64_t high = Read(n - 32);
      return (high << 32) | Read(32);
    }
    if (n == 0) return 0;
    uint64_t value = Peek() >> (64 - n);
    position_ += n;
    return value;
  }
  int64_t ReadVarbitInt();
  uint64_t ReadVarbitUint();
  // False when the code makes no sense.
  bool ReadXor(XorValue& last);

  bool past_end() const { return position_ > data_.size() * 8; }
  size_t bits_left() const { return past_end() ? 0 : data_.size() * 8 - position_; }

 private:
  // The next bits from the top down, at least 57 of them good.
  uint64_t Peek() const { return Load(position_ >> 3) << (position_ & 7); }
  uint64_t Load(size_t byte) const {
    uint64_t word = 0;
    if (byte + 8 <= data_.size()) {
      std::memcpy(&word, data_.data() + byte, 8);
    } else if (byte < data_.size()) {
      std::memcpy(&word, data_.data() + byte, data_.size() - byte);
    }
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word;
  }
  // Gives the number of bits of the code, and the code.
  unsigned ReadCode(uint64_t* value);

  std::string_view data_;
  size_t position_ = 0;
};

}  // namespace slurmscope::tsdb
