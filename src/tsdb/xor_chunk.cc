#include "tsdb/xor_chunk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

constexpr unsigned kMaxLeading = 31;  // five bits hold it

class BitWriter {
 public:
  BitWriter(uint8_t* out, unsigned free_bits)
      : next_(free_bits > 0 ? out + 1 : out), free_(free_bits) {}

  // `value` has no bits above the lowest `n`.
  void Put(uint64_t value, unsigned n) {
    while (n > 0) {
      if (free_ == 0) {
        *next_++ = 0;
        free_ = 8;
      }
      unsigned take = std::min(n, free_);
      n -= take;
      free_ -= take;
      auto piece = static_cast<uint8_t>((value >> n) & ((1u << take) - 1));
      next_[-1] = static_cast<uint8_t>(next_[-1] | (piece << free_));
    }
  }

  void PutUvarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Put((value & 0x7F) | 0x80, 8);
    Put(value, 8);
  }

  uint8_t* end() const { return next_; }
  unsigned free_bits() const { return free_; }

 private:
  uint8_t* next_;
  unsigned free_;
};

uint64_t Mask(unsigned bits) { return bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1; }

// The range is lopsided, -(2^(n-1)-1) .. 2^(n-1): Prometheus' reader depends on it.
bool FitsIn(int64_t value, unsigned bits) {
  int64_t half = int64_t{1} << (bits - 1);
  return value > -half && value <= half;
}

void PutDeltaOfDelta(BitWriter& bits, int64_t dod) {
  auto raw = static_cast<uint64_t>(dod);
  if (dod == 0) {
    bits.Put(0, 1);
  } else if (FitsIn(dod, 14)) {
    bits.Put(0b10, 2);
    bits.Put(raw & Mask(14), 14);
  } else if (FitsIn(dod, 17)) {
    bits.Put(0b110, 3);
    bits.Put(raw & Mask(17), 17);
  } else if (FitsIn(dod, 20)) {
    bits.Put(0b1110, 4);
    bits.Put(raw & Mask(20), 20);
  } else {
    bits.Put(0b1111, 4);
    bits.Put(raw, 64);
  }
}

void PutValue(BitWriter& bits, XorState& state, uint64_t value_bits) {
  uint64_t changed = value_bits ^ state.value_bits;
  if (changed == 0) {
    bits.Put(0, 1);
    return;
  }
  unsigned leading = std::min(static_cast<unsigned>(std::countl_zero(changed)), kMaxLeading);
  auto trailing = static_cast<unsigned>(std::countr_zero(changed));
  bool in_window = state.leading != 0xff && leading >= state.leading && trailing >= state.trailing;
  if (in_window) {
    bits.Put(0b10, 2);
  } else {
    state.leading = static_cast<uint8_t>(leading);
    state.trailing = static_cast<uint8_t>(trailing);
    unsigned significant = 64 - leading - trailing;
    bits.Put((uint64_t{0b11} << 11) | (uint64_t{leading} << 6) | (significant & 63), 13);
  }
  bits.Put(changed >> state.trailing, 64u - state.leading - state.trailing);
}

}  // namespace

size_t EncodeXorSample(XorState& state, unsigned count, int64_t t, double v, uint8_t* out) {
  BitWriter bits(out, state.free_bits);
  auto value_bits = std::bit_cast<uint64_t>(v);
  uint64_t delta = static_cast<uint64_t>(t) - static_cast<uint64_t>(state.t);
  if (count == 0) {
    bits.PutUvarint((static_cast<uint64_t>(t) << 1) ^ static_cast<uint64_t>(t >> 63));
    bits.Put(value_bits, 64);
    delta = 0;
  } else {
    if (count == 1) {
      bits.PutUvarint(delta);
    } else {
      PutDeltaOfDelta(bits, static_cast<int64_t>(delta - state.delta));
    }
    PutValue(bits, state, value_bits);
  }
  state.t = t;
  state.value_bits = value_bits;
  state.delta = delta;
  state.free_bits = static_cast<uint8_t>(bits.free_bits());
  return static_cast<size_t>(bits.end() - out);
}

void XorChunkBuilder::Append(int64_t t, double v) {
  uint8_t sample[kMaxXorSampleBytes];
  bool has_partial = state_.free_bits > 0;
  if (has_partial) {
    sample[0] = static_cast<uint8_t>(bytes_.back());
    bytes_.pop_back();
  }
  size_t size = EncodeXorSample(state_, count_, t, v, sample);
  bytes_.append(sample, sample + size);
  ++count_;
  bytes_[0] = static_cast<char>(count_ >> 8);
  bytes_[1] = static_cast<char>(count_ & 0xFF);
}

unsigned XorChunkSamples(std::string_view chunk) {
  return chunk.size() < kXorHeaderBytes ? 0 : base::ByteReader(chunk).U16Be();
}

int64_t XorChunkFirstTime(std::string_view chunk) {
  return base::ByteReader(chunk.substr(std::min(chunk.size(), kXorHeaderBytes))).Varint();
}

}  // namespace slurmscope::tsdb
