#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "base/strings.h"
#include "tsdb/xor_chunk.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

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
  size_t count = 0;  // of samples
  int64_t t = 0;
  uint64_t delta = 0;
  uint64_t value = 0;
  std::string_view rest;
};

Result<Start> ReadStart(std::string_view chunk) {
  base::ByteReader reader(chunk);
  Start start;
  start.count = reader.U16Be();
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "XOR chunk: shorter than its header");
  if (start.count == 0) return start;
  start.t = reader.Varint();
  start.value = reader.U64Be();
  if (start.count > 1) start.delta = reader.Uvarint();
  start.rest = reader.rest();
  // The shortest sample has two bits, so a lying count cannot make us allocate much.
  bool long_enough = start.count <= 2 || (start.count - 2) * 2 <= start.rest.size() * 8;
  if (!reader.ok() || !long_enough) return Fail(ErrorCode::kCorruption, "XOR chunk: ends early");
  return start;
}

// Decodes all samples into t and v, which hold as many.
//
// Nearly all have the same distance in time and either the same value or the same window of bits
// that change as the one before. One word of the stream tells these cases apart, and the place of
// the next one does not wait for it as long as the processor foresees the case: so all that lives
// from sample to sample is kept in registers.
Result<void> DecodeOne(const Start& start, int64_t* t, double* v) {
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
  while (i < start.count && position < bits.end()) {
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
  if (i < start.count || position > bits.end()) return Corrupt("ends early");
  return {};
}

// Where a decoder stands. A sample whose value changes has `step` - 1 bits of it in the stream.
struct Walk {
  int64_t time = 0;
  uint64_t delta = 0;
  uint64_t value = 0;
  uint64_t position = PaddedBits::kFirst;
  uint64_t leading = 0;
  uint64_t step = 64 + 1;
  uint64_t mask = ~uint64_t{0};
  uint64_t most = 1;  // the largest of the first three bits of a sample that is simple
};

// A sample with another distance in time, another window or a window of nearly all bits. False when
// it makes no sense.
[[gnu::always_inline]] inline bool TakeRareSample(const PaddedBits& bits, uint64_t word,
                                                  Walk& walk) {
  if ((word >> 63) != 0) {
    auto change = ReadDeltaOfDelta(bits, walk.position);
    walk.delta += change.value;
    walk.position += change.bits - 1;
    word = bits.At(walk.position) & ~(uint64_t{1} << 63);
  }
  if ((word >> 61) > kSameWindow) {
    uint64_t header = (word << 3) >> (64 - kWindowBits);
    uint64_t significant = ((header - 1) & 63) + 1;  // 0 stands for 64
    walk.leading = header >> 6;
    if (walk.leading + significant > 64) return false;
    walk.mask = ~uint64_t{0} << (64 - walk.leading - significant);
    walk.step = significant + 1;
    walk.most = significant <= kGoodBits ? kSameWindow : 1;
    walk.position += kWindowBits;
  }
  uint64_t changed = 0 - (word >> 62);
  walk.value ^= (bits.AllAt(walk.position + 3) >> walk.leading) & walk.mask & changed;
  walk.position += 2 + (walk.step & changed);
  return true;
}

// Whether a value changes is not asked by a branch, as DecodeOne does: the processor would guess
// wrong for many.
[[gnu::always_inline]] inline bool TakeSample(const PaddedBits& bits, Walk& walk, int64_t* t,
                                              double* v) {
  if (walk.position >= bits.end()) [[unlikely]]
    return false;
  uint64_t word = bits.At(walk.position);
  if ((word >> 61) > walk.most) [[unlikely]] {
    if (!TakeRareSample(bits, word, walk)) return false;
  } else {
    uint64_t changed = 0 - (word >> 62);
    walk.value ^= (bits.At(walk.position + 3) >> walk.leading) & walk.mask & changed;
    walk.position += 2 + (walk.step & changed);
  }
  auto next = static_cast<int64_t>(static_cast<uint64_t>(walk.time) + walk.delta);
  if (next <= walk.time) [[unlikely]]
    return false;
  walk.time = *t = next;
  *v = std::bit_cast<double>(walk.value);
  return true;
}

// Two chunks side by side, the samples of `b` behind those of `a`: while the place of the next
// sample of one is being found, the processor works on the other. False when one is corrupt.
bool DecodeTwo(const Start& a, const Start& b, int64_t* t, double* v) {
  const PaddedBits bits_a(a.rest);
  const PaddedBits bits_b(b.rest);
  Walk walk_a{a.t, a.delta, a.value};
  Walk walk_b{b.t, b.delta, b.value};
  int64_t* t_b = t + a.count;
  double* v_b = v + a.count;
  t[0] = a.t;
  v[0] = std::bit_cast<double>(a.value);
  t_b[0] = b.t;
  v_b[0] = std::bit_cast<double>(b.value);
  size_t both = std::min(a.count, b.count);
  for (size_t i = 1; i < both; ++i) {
    if (!TakeSample(bits_a, walk_a, t + i, v + i)) return false;
    if (!TakeSample(bits_b, walk_b, t_b + i, v_b + i)) return false;
  }
  for (size_t i = both; i < a.count; ++i) {
    if (!TakeSample(bits_a, walk_a, t + i, v + i)) return false;
  }
  for (size_t i = both; i < b.count; ++i) {
    if (!TakeSample(bits_b, walk_b, t_b + i, v_b + i)) return false;
  }
  return walk_a.position <= bits_a.end() && walk_b.position <= bits_b.end();
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

Result<void> DecodeXorChunk(std::string_view chunk, int64_t mint, int64_t maxt,
                            model::Columns* out) {
  Start start = TRY(ReadStart(chunk));
  if (start.count == 0) return {};
  size_t old_size = out->size();
  out->t.resize(old_size + start.count);
  out->v.resize(old_size + start.count);
  auto decoded = DecodeOne(start, out->t.data() + old_size, out->v.data() + old_size);
  if (!decoded) {
    out->t.resize(old_size);
    out->v.resize(old_size);
  } else if (start.t < mint || out->t.back() > maxt) {
    Trim(old_size, mint, maxt, out);
  }
  return decoded;
}

Result<void> DecodeXorChunks(std::string_view first, std::string_view second, int64_t mint,
                             int64_t maxt, model::Columns* out) {
  size_t old_size = out->size();
  Start a = TRY(ReadStart(first));
  Start b = TRY(ReadStart(second));
  if (a.count > 0 && b.count > 0) {
    size_t size = old_size + a.count + b.count;
    out->t.resize(size);
    out->v.resize(size);
    bool good = DecodeTwo(a, b, out->t.data() + old_size, out->v.data() + old_size) &&
                b.t > out->t[old_size + a.count - 1];
    if (good && (a.t < mint || out->t.back() > maxt)) Trim(old_size, mint, maxt, out);
    if (good) return {};
    out->t.resize(old_size);
    out->v.resize(old_size);
  }
  // One by one, which also finds out what is wrong.
  TRY(DecodeXorChunk(first, mint, maxt, out));
  auto decoded = DecodeXorChunk(second, mint, maxt, out);
  if (!decoded) {
    out->t.resize(old_size);
    out->v.resize(old_size);
  }
  return decoded;
}

}  // namespace slurmscope::tsdb
