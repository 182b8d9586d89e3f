#include "tsdb/wal_record.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

void PutType(std::string& record, RecordType type) { record += static_cast<char>(type); }

char* PutVarintAt(char* out, uint64_t delta) {
  uint64_t zigzag = (delta << 1) ^ (0 - (delta >> 63));
  for (; zigzag >= 0x80; zigzag >>= 7) *out++ = static_cast<char>(zigzag | 0x80);
  *out++ = static_cast<char>(zigzag);
  return out;
}

// Two varints and a value. Where so much is left a sample is read without looking for the end.
constexpr std::ptrdiff_t kLongestSample = 10 + 10 + 8;
constexpr size_t kUsualSampleBytes = 12;
constexpr size_t kHeaderBytes = 1 + 8 + 8;

// `good` becomes false when it has more than 64 bits.
uint64_t TakeVarint(const char** next, bool* good) {
  uint64_t zigzag = 0;
  uint8_t byte = 0x80;
  unsigned shift = 0;
  for (; shift < 64 && byte >= 0x80; shift += 7) {
    byte = static_cast<uint8_t>(*(*next)++);
    zigzag |= uint64_t{byte & 0x7Fu} << shift;
  }
  *good = *good && byte < (shift > 63 ? 2 : 0x80);
  return (zigzag >> 1) ^ (0 - (zigzag & 1));
}

uint64_t TakeU64Be(const char** next) {
  uint64_t value;
  std::memcpy(&value, *next, sizeof value);
  *next += sizeof value;
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  return value;
}

void StoreBe(char* out, uint64_t value) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(out, &value, sizeof value);
}

}  // namespace

void SamplesRecord::Add(uint64_t ref, int64_t t, double v) {
  constexpr auto kLongest = static_cast<size_t>(kLongestSample);
  const size_t needed = size_ + kHeaderBytes + kLongest;
  if (buffer_.size() < needed) buffer_.resize(std::max(2 * size_, needed));
  if (size_ == 0) {
    buffer_[0] = static_cast<char>(RecordType::kSamples);
    StoreBe(&buffer_[1], ref);
    StoreBe(&buffer_[9], static_cast<uint64_t>(t));
    size_ = kHeaderBytes;
    first_ref_ = ref;
    first_t_ = t;
  }
  char* end = PutVarintAt(&buffer_[size_], ref - first_ref_);
  end = PutVarintAt(end, static_cast<uint64_t>(t) - static_cast<uint64_t>(first_t_));
  StoreBe(end, std::bit_cast<uint64_t>(v));
  size_ = static_cast<size_t>(end + sizeof v - buffer_.data());
}

void SamplesRecord::Reserve(size_t samples) {
  const size_t room = kHeaderBytes + (samples + 1) * kUsualSampleBytes + kLongestSample;
  if (buffer_.size() < size_ + room) buffer_.resize(size_ + room);
}

std::string SamplesRecord::Take() {
  buffer_.resize(std::exchange(size_, 0));
  return std::exchange(buffer_, {});
}

void BeginSeries(std::string& record, uint64_t ref) {
  if (record.empty()) PutType(record, RecordType::kSeries);
  base::PutU64Be(record, ref);
}

void AddSeries(std::string& record, uint64_t ref, const model::Labels& labels) {
  BeginSeries(record, ref);
  base::PutUvarint(record, labels.size());
  for (model::Label label : labels) {
    base::PutUvarintString(record, label.name);
    base::PutUvarintString(record, label.value);
  }
}

void AddTombstone(std::string& record, const TombstoneEntry& entry) {
  if (record.empty()) PutType(record, RecordType::kTombstones);
  base::PutU64Be(record, entry.ref);
  base::PutVarint(record, entry.interval.mint);
  base::PutVarint(record, entry.interval.maxt);
}

Result<void> DecodeSeries(std::string_view record, std::vector<SeriesEntry>* out) {
  base::ByteReader reader(record);
  reader.U8();
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  while (reader.ok() && !reader.empty()) {
    uint64_t ref = reader.U64Be();
    uint64_t count = reader.Uvarint();
    pairs.clear();
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      std::string_view name = reader.UvarintString();
      pairs.emplace_back(name, reader.UvarintString());
    }
    if (reader.ok()) out->push_back({ref, model::Labels::FromPairs(pairs)});
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "series record does not fit its layout");
  return {};
}

Result<void> DecodeSamples(std::string_view record, std::vector<SampleEntry>* out) {
  base::ByteReader reader(record);
  reader.U8();
  if (reader.empty()) return {};
  uint64_t first_ref = reader.U64Be();
  uint64_t first_t = reader.U64Be();
  const char* next = reader.rest().data();
  const char* end = next + reader.remaining();
  bool good = reader.ok();
  while (good && end - next >= kLongestSample) {
    SampleEntry entry;
    entry.ref = first_ref + TakeVarint(&next, &good);
    entry.t = static_cast<int64_t>(first_t + TakeVarint(&next, &good));
    entry.v = std::bit_cast<double>(TakeU64Be(&next));
    out->push_back(entry);
  }
  if (!good) return Fail(ErrorCode::kCorruption, "samples record does not fit its layout");
  reader = base::ByteReader({next, static_cast<size_t>(end - next)});
  while (reader.ok() && !reader.empty()) {
    uint64_t ref = first_ref + static_cast<uint64_t>(reader.Varint());
    auto t = static_cast<int64_t>(first_t + static_cast<uint64_t>(reader.Varint()));
    auto v = std::bit_cast<double>(reader.U64Be());
    if (reader.ok()) out->push_back({ref, t, v});
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "samples record does not fit its layout");
  return {};
}

Result<void> DecodeTombstones(std::string_view record, std::vector<TombstoneEntry>* out) {
  base::ByteReader reader(record);
  reader.U8();
  while (reader.ok() && !reader.empty()) {
    TombstoneEntry entry;
    entry.ref = reader.U64Be();
    entry.interval.mint = reader.Varint();
    entry.interval.maxt = reader.Varint();
    if (reader.ok()) out->push_back(entry);
  }
  if (!reader.ok()) return Fail(ErrorCode::kCorruption, "tombstones do not fit their layout");
  return {};
}

}  // namespace slurmscope::tsdb
