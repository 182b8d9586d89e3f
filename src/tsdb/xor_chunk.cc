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

// A copy of a stream of bits with room around it: whoever looks at most at a sample past its end
// needs to ask only once for each whether that was passed. Before the stream is a bit 0.
class PaddedBits {
 public:
  explicit PaddedBits(std::string_view data) : end_(kFirst + 1 + data.size() * 8) {
    char* copy = small_;
    if (data.size() > kSmall) {
      large_.resize(1 + data.size() + kPadding);
      copy = large_.data();
    }
    copy[0] = 0;
    if (!data.empty()) std::memcpy(copy + 1, data.data(), data.size());
    std::memset(copy + 1 + data.size(), 0, kPadding);
    bytes_ = copy;
  }
  PaddedBits(const PaddedBits&) = delete;
  PaddedBits& operator=(const PaddedBits&) = delete;

  // The bits from `position` on, from the top down: kGoodBits of them, or all.
  uint64_t At(uint64_t position) const {
    uint64_t word;
    std::memcpy(&word, bytes_ + (position >> 3), 8);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word << (position & 7);
  }
  uint64_t AllAt(uint64_t position) const {
    auto last = static_cast<uint8_t>(bytes_[(position >> 3) + 8]);
    return At(position) | (last >> (8 - (position & 7)));
  }
  uint64_t end() const { return end_; }
  static constexpr uint64_t kFirst = 7;  // that bit 0

 private:
  static constexpr size_t kSmall = 1024;
  static constexpr size_t kPadding = 32;  // more than a sample, and a word
  const char* bytes_;
  uint64_t end_;
  char small_[1 + kSmall + kPadding];
  std::string large_;
};
constexpr unsigned kGoodBits = 57;
constexpr unsigned kWindowBits = 5 + 6;  // number of leading zeros, number of significant bits
constexpr uint64_t kSameWindow = 0b010;  // behind a delta that is the same

int64_t FromLopsided(uint64_t raw, unsigned n) {
  auto value = static_cast<int64_t>(raw);
  return value > int64_t{1} << (n - 1) ? value - (int64_t{1} << n) : value;
}

struct DeltaOfDelta {
  uint64_t value;
  unsigned bits;
};

// One that is not 0.
[[gnu::noinline]] DeltaOfDelta ReadDeltaOfDelta(const PaddedBits& bits, uint64_t position) {
  uint64_t word = bits.At(position);
  auto ones = static_cast<unsigned>(std::countl_one(word));
  if (ones >= 4) return {bits.AllAt(position + 4), 4 + 64};
  unsigned n = ones == 1 ? 14 : ones == 2 ? 17 : 20;
  uint64_t raw = (word << (ones + 1)) >> (64 - n);
  return {static_cast<uint64_t>(FromLopsided(raw, n)), ones + 1 + n};
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

// Decodes the samples behind `start` into t and v, which hold `count`.
//
// Nearly all have the same distance in time and either the same value or the same window of bits
// that change as the one before. One word of the stream tells these cases apart, and the place of
// the next one does not wait for it as long as the processor foresees the case: so all that lives
// from sample to sample is kept in registers.
Result<void> DecodeRest(const Start& start, size_t count, int64_t* t, double* v) {
  const PaddedBits bits(start.rest);
  // The delta of the second sample was in the header: the same, says the bit before the stream.
  uint64_t position = PaddedBits::kFirst;
  int64_t time = start.t;
  uint64_t delta = start.delta;
  uint64_t value = start.value;
  unsigned leading = 0;  // the window
  unsigned significant = 64;
  uint64_t mask = ~uint64_t{0};
  t[0] = time;
  v[0] = std::bit_cast<double>(value);
  size_t i = 1;
  while (i < count && position < bits.end()) {
    uint64_t word = bits.At(position);
    if ((word >> 63) != 0) [[unlikely]] {
      auto change = ReadDeltaOfDelta(bits, position);
      delta += change.value;
      position += change.bits - 1;
      word = bits.At(position) & ~(uint64_t{1} << 63);
    }
    auto next = static_cast<int64_t>(static_cast<uint64_t>(time) + delta);
    if (next <= time) return Corrupt("times do not ascend");
    time = next;
    if ((word >> 62) == 0) {
      position += 2;
    } else if ((word >> 61) == kSameWindow && significant <= kGoodBits - 3) {
      value ^= ((word << 3) >> leading) & mask;
      position += 3 + significant;
    } else {
      position += 3;
      if ((word >> 61) != kSameWindow) {
        auto header = static_cast<unsigned>((word << 3) >> (64 - kWindowBits));
        leading = header >> 6;
        significant = (header & 63) == 0 ? 64 : header & 63;
        if (leading + significant > 64) return Corrupt("window of over 64 bits");
        mask = ~uint64_t{0} << (64 - leading - significant);
        position += kWindowBits;
      }
      value ^= (bits.AllAt(position) >> leading) & mask;
      position += significant;
    }
    t[i] = time;
    v[i++] = std::bit_cast<double>(value);
  }
  if (i < count || position > bits.end()) return Corrupt("ends early");
  return {};
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
  auto decoded = DecodeRest(start, count, out->t.data() + old_size, out->v.data() + old_size);
  if (!decoded) {
    out->t.resize(old_size);
    out->v.resize(old_size);
  } else if (start.t < mint || out->t.back() > maxt) {
    Trim(old_size, mint, maxt, out);
  }
  return decoded;
}

}  // namespace slurmscope::tsdb
