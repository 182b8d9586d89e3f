#include "tsdb/series.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>

namespace slurmscope::tsdb {
namespace {

// A chunk is cut when the next sample might push it over 1 KiB.
constexpr size_t kMaxOpenBytes = 1024 - 19;

}  // namespace

struct Series::FullChunk {
  FullChunk* previous;
  int64_t mint;
  int64_t maxt;
  uint16_t size;
  char bytes[6];  // and on: `size` of them

  std::string_view view() const { return {bytes, size}; }
};

int64_t RangeEnd(int64_t t, int64_t width) { return t / width * width + width; }

int64_t PredictChunkEnd(int64_t start, int64_t now, int64_t latest) {
  double whole = static_cast<double>(latest) - static_cast<double>(start);
  double quarter = static_cast<double>(now) - static_cast<double>(start) + 1;
  double chunks = whole / (quarter * 4);
  if (chunks <= 1) return latest;
  return static_cast<int64_t>(static_cast<double>(start) + whole / std::floor(chunks));
}

void ByteLock::lock() {
  for (int spins = 0; held_.test_and_set(std::memory_order_acquire); ++spins) {
    if (spins > 100) ::sched_yield();
  }
}

Series::~Series() {
  while (full_ != nullptr) {
    FullChunk* previous = full_->previous;
    std::free(full_);
    full_ = previous;
  }
  std::free(data_);
}

void Series::Init(uint64_t wal_ref, LabelRange labels) {
  wal_ref_ = wal_ref;
  labels_first_ = labels.first;
  labels_count_ = labels.count;
}

SamplePlace Series::Place(int64_t t, double v) {
  int64_t last = last_time();
  if (t > last) return SamplePlace::kNewer;
  if (t < last) return SamplePlace::kOlder;
  std::lock_guard lock(lock_);
  if (t < last_time_) return SamplePlace::kOlder;
  // No sample may have the time that stands for none.
  bool same = state_.value_bits == std::bit_cast<uint64_t>(v) && t != kNoTime;
  return same ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

void Series::Reserve(size_t size) {
  if (size <= capacity_) return;
  // Half as much again, so that malloc's 16 byte steps with 8 bytes of their own are used to the
  // end.
  size_t wanted = std::max<size_t>(size, capacity_ + capacity_ / 4u);
  size_t rounded = std::max<size_t>((wanted + 8 + 15) / 16 * 16 - 8, 40);
  void* grown = std::realloc(data_, rounded);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(grown);
  capacity_ = static_cast<uint16_t>(rounded);
}

bool Series::MustCut(int64_t t) {
  if (size_ > kMaxOpenBytes) return true;
  unsigned count = XorChunkSamples(OpenChunk());
  if (count == kSamplesPerChunk / 4) {
    next_cut_ = PredictChunkEnd(XorChunkFirstTime(OpenChunk()), last_time_, next_cut_);
  }
  return t >= next_cut_ || count >= kSamplesPerChunk * 2;
}

void Series::Cut() {
  size_t bytes = std::max(sizeof(FullChunk), offsetof(FullChunk, bytes) + size_);
  auto* chunk = static_cast<FullChunk*>(std::malloc(bytes));
  if (chunk == nullptr) throw std::bad_alloc();
  chunk->previous = full_;
  chunk->mint = XorChunkFirstTime(OpenChunk());
  chunk->maxt = last_time_;
  chunk->size = size_;
  std::memcpy(reinterpret_cast<char*>(chunk) + offsetof(FullChunk, bytes), data_, size_);
  full_ = chunk;
  size_ = 0;
}

void Series::Encode(int64_t t, double v) {
  if (size_ == 0) {
    Reserve(kXorHeaderBytes);
    data_[0] = data_[1] = 0;
    size_ = kXorHeaderBytes;
    state_ = {};
    next_cut_ = RangeEnd(t, kChunkRangeMs);
  }
  unsigned count = (unsigned{data_[0]} << 8) | data_[1];
  uint8_t sample[kMaxXorSampleBytes];
  size_t kept = size_ - (state_.free_bits > 0 ? 1u : 0u);
  if (state_.free_bits > 0) sample[0] = data_[kept];
  size_t added = EncodeXorSample(state_, count, t, v, sample);
  Reserve(kept + added);
  std::memcpy(data_ + kept, sample, added);
  size_ = static_cast<uint16_t>(kept + added);
  ++count;
  data_[0] = static_cast<uint8_t>(count >> 8);
  data_[1] = static_cast<uint8_t>(count);
}

bool Series::Append(int64_t t, double v, bool* new_chunk) {
  std::lock_guard lock(lock_);
  if (t <= last_time_) return false;
  *new_chunk = size_ == 0;
  if (size_ > 0 && MustCut(t)) {
    Cut();
    *new_chunk = true;
  }
  Encode(t, v);
  if (first_time_ == kNoTime) std::atomic_ref(first_time_).store(t, std::memory_order_relaxed);
  LastTime().store(t, std::memory_order_relaxed);
  return true;
}

bool Series::Overlaps(int64_t mint, int64_t maxt) const {
  int64_t last = last_time();
  if (last == kNoTime || last < mint) return false;
  // A first sample being added just now reads as kNoTime: it may overlap.
  return std::atomic_ref(first_time_).load(std::memory_order_relaxed) <= maxt;
}

unsigned Series::chunk_count() const {
  std::lock_guard lock(lock_);
  unsigned count = size_ > 0 ? 1 : 0;
  for (const FullChunk* chunk = full_; chunk != nullptr; chunk = chunk->previous) ++count;
  return count;
}

base::Result<void> Series::Read(int64_t mint, int64_t maxt, model::Columns* out) const {
  char open[kMaxOpenBytes + kMaxXorSampleBytes];
  size_t open_size = 0;
  const FullChunk* newest;
  {
    std::lock_guard lock(lock_);
    newest = full_;
    if (size_ > 0 && last_time_ >= mint) {
      open_size = size_;
      std::memcpy(open, data_, open_size);
    }
  }
  std::vector<const FullChunk*> chunks;
  for (const FullChunk* chunk = newest; chunk != nullptr && chunk->maxt >= mint;
       chunk = chunk->previous) {
    if (chunk->mint <= maxt) chunks.push_back(chunk);
  }
  std::string_view open_chunk(open, open_size);
  size_t samples = XorChunkSamples(open_chunk);
  for (const FullChunk* chunk : chunks) samples += XorChunkSamples(chunk->view());
  out->t.reserve(out->size() + samples);
  out->v.reserve(out->v.size() + samples);
  for (size_t i = chunks.size(); i > 0; --i) {
    TRY(DecodeXorChunk(chunks[i - 1]->view(), mint, maxt, out));
  }
  if (open_size == 0 || XorChunkFirstTime(open_chunk) > maxt) return {};
  return DecodeXorChunk(open_chunk, mint, maxt, out);
}

}  // namespace slurmscope::tsdb
