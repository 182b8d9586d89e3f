#include "tsdb/xor_chunk.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

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

// Bits past the end read as zero; the caller compares past_end() when it is done.
class BitReader {
 public:
  explicit BitReader(std::string_view data) : data_(data) {}

  // The next bits from the top down, at least 57 of them good.
  uint64_t Peek() const { return Load(position_ >> 3) << (position_ & 7); }
  void Skip(unsigned n) { position_ += n; }
  // 1 <= n <= 64.
  uint64_t Read(unsigned n) {
    uint64_t high = 0;
    if (n > 57) {
      high = Peek() >> 32;
      position_ += 32;
      n -= 32;
      high <<= n;
    }
    uint64_t value = Peek() >> (64 - n);
    position_ += n;
    return high | value;
  }
  bool past_end() const { return position_ > data_.size() * 8; }

 private:
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

  std::string_view data_;
  size_t position_ = 0;
};

// Bits that were read from a stream at once, and how many of them were used. It is worth the
// trouble: a sample usually needs no second look at the stream.
struct Word {
  uint64_t bits = 0;  // the next at the top
  unsigned used = 0;

  void Use(unsigned n) {
    bits <<= n;
    used += n;
  }
};
constexpr unsigned kWordBits = 57;

int64_t FromLopsided(uint64_t raw, unsigned n) {
  auto value = static_cast<int64_t>(raw);
  return value > int64_t{1} << (n - 1) ? value - (int64_t{1} << n) : value;
}

// A delta of deltas that is not 0. `word` is at its begin, and at its end afterwards.
uint64_t ReadDeltaOfDelta(BitReader& bits, Word& word) {
  if ((word.bits >> 62) == 0b10) {
    auto value = FromLopsided((word.bits >> 48) & Mask(14), 14);
    word.Use(16);
    return static_cast<uint64_t>(value);
  }
  int ones = std::countl_one(word.bits);
  unsigned n = ones == 2 ? 17 : ones == 3 ? 20 : 64;
  bits.Skip(word.used + (ones == 2 ? 3 : 4));
  uint64_t raw = bits.Read(n);
  word = {bits.Peek(), 0};
  return n == 64 ? raw : static_cast<uint64_t>(FromLopsided(raw, n));
}

struct Window {
  unsigned significant = 64;
  unsigned trailing = 0;
};

// What changes in a value that is not the same as the one before, from the control bits on. False
// when the window has more than 64 bits. The stream is behind it afterwards.
bool ReadChange(BitReader& bits, Word word, Window& window, uint64_t& value) {
  if ((word.bits >> 62) == 0b10) {
    word.Use(2);
  } else {
    auto header = static_cast<unsigned>((word.bits >> 51) & 0x7FF);
    word.Use(13);
    unsigned leading = header >> 6;
    window.significant = (header & 63) == 0 ? 64 : header & 63;
    if (leading + window.significant > 64) return false;
    window.trailing = 64 - leading - window.significant;
  }
  unsigned n = window.significant;
  if (word.used + n <= kWordBits) {
    value ^= word.bits >> (64 - n) << window.trailing;
    bits.Skip(word.used + n);
    return true;
  }
  bits.Skip(word.used);
  value ^= bits.Read(n) << window.trailing;
  return true;
}

Result<void> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorruption, base::StrCat("XOR chunk: ", what));
}

struct Start {
  int64_t t = 0;
  uint64_t delta = 0;
  uint64_t value = 0;
  std::string_view rest;
};

// Decodes samples 1 .. count-1 behind `start` into t and v, which hold `count`. Returns the number
// kept.
Result<size_t> DecodeRest(const Start& start, unsigned count, int64_t mint, int64_t maxt,
                          int64_t* t, double* v) {
  BitReader bits(start.rest);
  Window window;
  int64_t time = start.t;
  uint64_t delta = start.delta;
  uint64_t value = start.value;
  size_t kept = 0;
  if (time >= mint && time <= maxt) {
    t[0] = time;
    v[0] = std::bit_cast<double>(value);
    kept = 1;
  }
  for (unsigned i = 1; i < count && time <= maxt; ++i) {
    Word word{bits.Peek(), 0};
    if (i > 1) {
      if ((word.bits >> 63) == 0) {
        word.Use(1);
      } else {
        delta += ReadDeltaOfDelta(bits, word);
      }
    }
    auto next = static_cast<int64_t>(static_cast<uint64_t>(time) + delta);
    if (next <= time) return Fail(Corrupt("times do not ascend").error());
    time = next;
    if ((word.bits >> 63) == 0) {
      bits.Skip(word.used + 1);
    } else if (!ReadChange(bits, word, window, value)) {
      return Fail(Corrupt("window of over 64 bits").error());
    }
    t[kept] = time;
    v[kept] = std::bit_cast<double>(value);
    kept += static_cast<size_t>(time >= mint && time <= maxt);
  }
  if (bits.past_end()) return Fail(Corrupt("ends early").error());
  return kept;
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

Result<void> DecodeXorChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                            model::Columns* out) {
  base::ByteReader reader(chunk);
  unsigned count = reader.U16Be();
  if (!reader.ok()) return Corrupt("shorter than its header");
  if (count == 0) return {};
  Start start;
  start.t = reader.Varint();
  start.value = reader.U64Be();
  if (count > 1) start.delta = reader.Uvarint();
  if (!reader.ok()) return Corrupt("ends early");
  start.rest = reader.rest();
  // The shortest sample has two bits, so a lying count cannot make us allocate much.
  if (count > 2 && (count - 2) * size_t{2} > start.rest.size() * 8) return Corrupt("ends early");

  size_t old_size = out->size();
  out->t.resize(old_size + count);
  out->v.resize(old_size + count);
  auto kept =
      DecodeRest(start, count, mint, maxt, out->t.data() + old_size, out->v.data() + old_size);
  out->t.resize(old_size + kept.value_or(0));
  out->v.resize(old_size + kept.value_or(0));
  if (!kept) return Fail(std::move(kept).error());
  return {};
}

}  // namespace slurmscope::tsdb
