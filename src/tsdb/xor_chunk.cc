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

  // The next bits from the top down, at least kWordBits of them good.
  uint64_t Peek() const {
    size_t byte = position_ >> 3;
    uint64_t word = 0;
    if (byte + 8 <= data_.size()) [[likely]] {
      std::memcpy(&word, data_.data() + byte, 8);
    } else if (byte < data_.size()) {
      std::memcpy(&word, data_.data() + byte, data_.size() - byte);
    }
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word << (position_ & 7);
  }
  void Skip(unsigned n) { position_ += n; }
  // 1 <= n <= 64.
  uint64_t Read(unsigned n) {
    uint64_t high = 0;
    if (n > kWordBits) {
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

  static constexpr unsigned kWordBits = 57;

 private:
  std::string_view data_;
  size_t position_ = 0;
};

int64_t FromLopsided(uint64_t raw, unsigned n) {
  auto value = static_cast<int64_t>(raw);
  return value > int64_t{1} << (n - 1) ? value - (int64_t{1} << n) : value;
}

// A delta of deltas that is not 0.
uint64_t ReadDeltaOfDelta(BitReader& bits) {
  int ones = std::countl_one(bits.Peek());
  bits.Skip(ones < 4 ? static_cast<unsigned>(ones) + 1 : 4);
  unsigned n = ones == 1 ? 14 : ones == 2 ? 17 : ones == 3 ? 20 : 64;
  uint64_t raw = bits.Read(n);
  return n == 64 ? raw : static_cast<uint64_t>(FromLopsided(raw, n));
}

// Where the bits of a value lie that change.
struct Window {
  unsigned significant = 64;
  unsigned leading = 0;
  uint64_t mask = ~uint64_t{0};  // those not below them
};

// False when the window has more than 64 bits.
bool ReadWindow(BitReader& bits, Window& window) {
  uint64_t header = bits.Read(11);
  window.leading = static_cast<unsigned>(header >> 6);
  window.significant = (header & 63) == 0 ? 64 : header & 63;
  if (window.leading + window.significant > 64) return false;
  window.mask = ~uint64_t{0} << (64 - window.leading - window.significant);
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

// Decodes the samples behind `start` into t and v, which hold `count`, up to the first one later
// than `maxt`. Returns how many there are then with the one at the start.
//
// Nearly all samples have the same distance in time and either the same value or the same window
// as the one before; what tells these cases apart is looked at in one word, and the next place in
// the stream does not wait for it as long as the processor foresees the case.
Result<size_t> DecodeRest(const Start& start, size_t count, int64_t maxt, int64_t* t, double* v) {
  constexpr uint64_t kSameCase = 0b00;
  constexpr uint64_t kWindowCase = 0b010;
  BitReader bits(start.rest);
  Window window;
  int64_t time = start.t;
  uint64_t delta = start.delta;
  uint64_t value = start.value;
  t[0] = time;
  v[0] = std::bit_cast<double>(value);
  size_t i = 1;
  for (; i < count && time <= maxt; ++i) {
    uint64_t word = bits.Peek();
    unsigned used = 1;
    if (i == 1) {  // its delta was in the header
      word >>= 1;
      used = 0;
    } else if (word >> 63 != 0) {
      delta += ReadDeltaOfDelta(bits);
      word = bits.Peek() >> 1;
      used = 0;
    }
    auto next = static_cast<int64_t>(static_cast<uint64_t>(time) + delta);
    if (next <= time) return Fail(Corrupt("times do not ascend").error());
    time = next;
    if (word >> 62 == kSameCase) {
      bits.Skip(used + 1);
    } else if (word >> 61 == kWindowCase && window.significant <= BitReader::kWordBits - 4) {
      value ^= (word << 3) >> window.leading & window.mask;
      bits.Skip(used + 2 + window.significant);
    } else {
      bits.Skip(used + 2);
      bool new_window = word >> 61 != kWindowCase;
      if (new_window && !ReadWindow(bits, window)) {
        return Fail(Corrupt("window of over 64 bits").error());
      }
      value ^= bits.Read(window.significant) << (64 - window.leading - window.significant);
    }
    t[i] = time;
    v[i] = std::bit_cast<double>(value);
  }
  if (bits.past_end()) return Fail(Corrupt("ends early").error());
  return i;
}

// Keeps of the samples from `begin` on those of [mint, maxt].
void Trim(size_t begin, int64_t mint, int64_t maxt, model::Columns* out) {
  auto from = out->t.begin() + static_cast<std::ptrdiff_t>(begin);
  auto keep = [&](auto first, auto last) {
    auto low = first - out->t.begin();
    auto high = last - out->t.begin();
    out->t.erase(last, out->t.end());
    out->t.erase(from, first);
    out->v.erase(out->v.begin() + high, out->v.end());
    out->v.erase(out->v.begin() + static_cast<std::ptrdiff_t>(begin), out->v.begin() + low);
  };
  keep(std::lower_bound(from, out->t.end(), mint), std::upper_bound(from, out->t.end(), maxt));
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
  auto decoded = DecodeRest(start, count, maxt, out->t.data() + old_size, out->v.data() + old_size);
  out->t.resize(old_size + decoded.value_or(0));
  out->v.resize(old_size + decoded.value_or(0));
  if (!decoded) return Fail(std::move(decoded).error());
  if (start.t < mint || out->t.back() > maxt) Trim(old_size, mint, maxt, out);
  return {};
}

}  // namespace slurmscope::tsdb
