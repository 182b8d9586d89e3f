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
#include <utility>

namespace slurmscope::tsdb {
namespace {

// A chunk is cut when the next sample might push it over 1 KiB.
constexpr size_t kMaxOpenBytes = 1024 - 19;
// A time of today and a value.
constexpr size_t kFirstSampleBytes = 14;
// The start of the open chunk of a series that has lost its samples.
constexpr int64_t kEmptied = std::numeric_limits<int64_t>::max();

// How long after `start` this is, in 32 bits: no chunk lasts longer than 49 days.
uint32_t TimeAfter(int64_t start, int64_t end) {
  constexpr uint64_t kLongest = std::numeric_limits<uint32_t>::max();
  uint64_t after = static_cast<uint64_t>(end) - static_cast<uint64_t>(start);
  return static_cast<uint32_t>(std::min(after, kLongest));
}

}  // namespace

int64_t RangeEnd(int64_t t, int64_t width) { return t / width * width + width; }

int64_t LatestChunkEnd(int64_t t, int64_t width) {
  return t + int64_t{TimeAfter(t, RangeEnd(t, width))};
}

int64_t PredictChunkEnd(int64_t start, int64_t now, int64_t latest, double times_larger) {
  double whole = static_cast<double>(latest) - static_cast<double>(start);
  double part = static_cast<double>(now) - static_cast<double>(start) + 1;
  double chunks = whole / (part * times_larger);
  if (chunks <= 1) return latest;
  return static_cast<int64_t>(static_cast<double>(start) + whole / std::floor(chunks));
}

void ByteLock::lock() {
  for (int spins = 0; held_.test_and_set(std::memory_order_acquire); ++spins) {
    if (spins > 100) ::sched_yield();
  }
}

Series::~Series() { FreeOpen(); }

void Series::Init(uint64_t wal_ref, LabelRange labels) {
  wal_ref_ = wal_ref;
  labels_first_ = labels.first;
  labels_count_ = labels.count;
}

void Series::ForgetTime() {
  std::lock_guard lock(lock_);
  OpenStart().store(kNoTime, std::memory_order_relaxed);
  LastTime().store(kNoTime, std::memory_order_relaxed);
}

namespace {

bool ChunkEndsWith(EncodedChunk chunk, int64_t t, double v) {
  model::Columns last;
  return chunk.encoding == kXorEncoding && DecodeXorChunk(chunk.data, t, t, &last) &&
         last.size() == 1 && std::bit_cast<uint64_t>(last.v[0]) == std::bit_cast<uint64_t>(v);
}

}  // namespace

SamplePlace Series::Place(int64_t t, double v, const FullChunks& full) {
  int64_t last = last_time();
  if (t > last) return SamplePlace::kNewer;
  if (t < last) return SamplePlace::kOlder;
  std::lock_guard lock(lock_);
  if (t < last_time_) return SamplePlace::kOlder;
  bool same = encoding_ == kXorEncoding && value_bits_ == std::bit_cast<uint64_t>(v);
  if (size_ == 0 && full_ != FullChunks::kNone) {
    auto chunk = full.Read(full_);
    same = chunk && ChunkEndsWith(*chunk, t, v);
  }
  // No sample may have the time that stands for none.
  return same && t != kNoTime ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

SamplePlace Series::Place(int64_t t, HistogramRef h, const FullChunks& full) {
  std::lock_guard lock(lock_);
  if (t > last_time_) return SamplePlace::kNewer;
  if (t < last_time_) return SamplePlace::kOlder;
  bool same = encoding_ != kXorEncoding && open_histogram()->EndsWith(h);
  if (size_ == 0 && full_ != FullChunks::kNone) {
    auto chunk = full.Read(full_);
    same = chunk && ChunkEndsWith(*chunk, t, h);
  }
  return same ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

uint8_t Series::encoding(const FullChunks& full) const {
  std::lock_guard lock(lock_);
  if (size_ > 0 || full_ == FullChunks::kNone) return encoding_;
  auto chunk = full.Read(full_);
  return chunk ? chunk->encoding : encoding_;
}

void Series::Restore(FullChunks::Index newest, const FullChunks& full) {
  std::lock_guard lock(lock_);
  Full().store(newest, std::memory_order_release);
  OpenStart().store(kEmptied, std::memory_order_release);
  LastTime().store(full.maxt(newest), std::memory_order_relaxed);
}

EncodedChunk Series::OpenChunk() const {
  if (encoding_ != kXorEncoding) return open_histogram()->chunk();
  return {kXorEncoding, {reinterpret_cast<const char*>(data_), size_}};
}

// Leaves the series without an open chunk.
void Series::FreeOpen() {
  if (encoding_ == kXorEncoding) {
    std::free(data_);
  } else {
    delete open_histogram();
  }
  data_ = nullptr;
  size_ = capacity_ = 0;
  encoding_ = kXorEncoding;
}

// In steps that allocators have sizes for: jemalloc has four between powers of two.
void Series::Reserve(size_t size) {
  if (size <= capacity()) return;
  size_t step = std::max<size_t>(std::bit_floor(size - 1) / 4, 16);
  size_t rounded = (size + step - 1) / step * step;
  void* grown = std::realloc(data_, rounded);
  if (grown == nullptr) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(grown);
  capacity_ = static_cast<uint8_t>(rounded / 8);
}

bool Series::MustCut(int64_t t) {
  if (encoding_ != kXorEncoding) return true;
  if (size_ > kMaxOpenBytes) return true;
  if (samples_ == kSamplesPerChunk / 4) {
    int64_t latest = open_start_ + int64_t{next_cut_};
    next_cut_ = TimeAfter(open_start_, PredictChunkEnd(open_start_, last_time_, latest));
  }
  // The times ascend, so what wraps around is far away.
  uint64_t age = static_cast<uint64_t>(t) - static_cast<uint64_t>(open_start_);
  return age >= next_cut_ || samples_ >= kSamplesPerChunk * 2;
}

void Series::Cut(FullChunks& full) {
  FullChunks::Index newest =
      full.Add(full_, {wal_ref_, open_start_, last_time_, false, OpenChunk()});
  Full().store(newest, std::memory_order_release);
  if (encoding_ != kXorEncoding) FreeOpen();
  size_ = 0;
}

void Series::Encode(int64_t t, double v, int64_t chunk_range) {
  XorState state{last_time_, value_bits_, delta_, leading_, trailing_, free_bits_};
  if (size_ == 0) {
    state = {};
    samples_ = 0;
    size_ = kXorHeaderBytes;
    Reserve(kXorHeaderBytes + kFirstSampleBytes);
    next_cut_ = TimeAfter(t, RangeEnd(t, chunk_range));
    OpenStart().store(t, std::memory_order_release);
  }
  uint8_t sample[kMaxXorSampleBytes];
  size_t kept = size_ - (state.free_bits > 0 ? 1u : 0u);
  if (state.free_bits > 0) sample[0] = data_[kept];
  size_t added = EncodeXorSample(state, samples_, t, v, sample);
  Reserve(kept + added);
  std::memcpy(data_ + kept, sample, added);
  size_ = static_cast<uint16_t>(kept + added);
  ++samples_;
  data_[0] = static_cast<uint8_t>(samples_ >> 8);
  data_[1] = static_cast<uint8_t>(samples_);
  value_bits_ = state.value_bits;
  delta_ = static_cast<uint32_t>(state.delta);
  leading_ = state.leading;
  trailing_ = state.trailing;
  free_bits_ = state.free_bits;
}

bool Series::Append(int64_t t, double v, int64_t chunk_range, FullChunks& full, bool* new_chunk) {
  std::lock_guard lock(lock_);
  if (t <= last_time_) return false;
  *new_chunk = size_ == 0;
  if (size_ > 0 && MustCut(t)) {
    Cut(full);
    *new_chunk = true;
  }
  Encode(t, v, chunk_range);
  LastTime().store(t, std::memory_order_relaxed);
  return true;
}

bool Series::Append(int64_t t, HistogramRef h, int64_t chunk_range, FullChunks& full,
                    bool* new_chunk) {
  std::lock_guard lock(lock_);
  if (t <= last_time_) return false;
  auto hint = model::ResetHint::kUnknown;
  *new_chunk = encoding_ == kXorEncoding || !open_histogram()->Append(t, h, &hint);
  if (*new_chunk) {
    if (size_ > 0) Cut(full);
    FreeOpen();
    auto open = std::make_unique<OpenHistogram>(t, h, hint, chunk_range);
    data_ = reinterpret_cast<uint8_t*>(open.release());
    encoding_ = h.encoding();
    size_ = 1;
    OpenStart().store(t, std::memory_order_release);
  }
  LastTime().store(t, std::memory_order_relaxed);
  return true;
}

bool Series::Overlaps(int64_t mint, int64_t maxt, const FullChunks& full) const {
  int64_t last = last_time();
  if (last == kNoTime || last < mint) return false;
  int64_t first = OpenStart().load(std::memory_order_acquire);
  if (first <= maxt) return true;
  FullChunks::Index chunk = Full().load(std::memory_order_acquire);
  for (; chunk != FullChunks::kNone; chunk = full.previous(chunk)) {
    if (full.mint(chunk) <= maxt) return true;
  }
  return false;
}

unsigned Series::chunk_count(const FullChunks& full) const {
  std::lock_guard lock(lock_);
  unsigned count = size_ > 0 ? 1 : 0;
  for (FullChunks::Index chunk = full_; chunk != FullChunks::kNone; chunk = full.previous(chunk)) {
    ++count;
  }
  return count;
}

base::Result<void> Series::Read(int64_t mint, int64_t maxt, const FullChunks& full,
                                model::Columns* out) const {
  char open[kMaxOpenBytes + kMaxXorSampleBytes];
  std::string open_histogram;
  EncodedChunk open_chunk;
  int64_t open_start = 0;
  FullChunks::Index newest;
  {
    std::lock_guard lock(lock_);
    newest = full_;
    if (size_ > 0 && last_time_ >= mint) {
      open_chunk = OpenChunk();
      open_start = open_start_;
      if (open_chunk.encoding == kXorEncoding) {
        std::memcpy(open, data_, size_);
        open_chunk.data = {open, size_};
      } else {
        open_histogram = open_chunk.data;
        open_chunk.data = open_histogram;
      }
    }
  }
  std::vector<EncodedChunk> chunks;
  size_t samples = ChunkSamples(open_chunk);
  for (FullChunks::Index chunk = newest; chunk != FullChunks::kNone && full.maxt(chunk) >= mint;
       chunk = full.previous(chunk)) {
    if (full.mint(chunk) > maxt) continue;
    chunks.push_back(TRY(full.Read(chunk)));
    samples += ChunkSamples(chunks.back());
  }
  out->t.reserve(out->size() + samples);
  out->v.reserve(out->v.size() + samples);
  bool with_open = !open_chunk.data.empty() && open_start <= maxt;
  if (chunks.empty()) {
    return with_open ? DecodeChunk(open_chunk, mint, maxt, out) : base::Result<void>();
  }
  if (with_open) chunks.insert(chunks.begin(), open_chunk);
  TRY(DecodeChunk(chunks.back(), mint, maxt, out));
  size_t left = chunks.size() - 1;  // the oldest is the last one
  for (; left >= 2 && ChangesAtRandom(*out); left -= 2)
    TRY(DecodeChunks(chunks[left - 1], chunks[left - 2], mint, maxt, out));
  for (; left > 0; --left) TRY(DecodeChunk(chunks[left - 1], mint, maxt, out));
  return {};
}

std::optional<model::Sample> Series::Newest() const {
  std::lock_guard lock(lock_);
  if (size_ == 0 || encoding_ != kXorEncoding) return std::nullopt;
  return model::Sample{last_time_, std::bit_cast<double>(value_bits_)};
}

bool Series::has_samples() const {
  std::lock_guard lock(lock_);
  return size_ > 0 || full_ != FullChunks::kNone;
}

unsigned Series::Truncate(int64_t mint, FullChunks& full, std::vector<FullChunks::Index>* out) {
  std::lock_guard lock(lock_);
  FullChunks::Index oldest_kept = FullChunks::kNone;
  FullChunks::Index cut = full_;
  bool keep = last_time_ >= mint;
  while (keep && cut != FullChunks::kNone && full.maxt(cut) >= mint) {
    oldest_kept = cut;
    cut = full.previous(cut);
  }
  unsigned count = !keep && size_ > 0 ? 1 : 0;
  for (FullChunks::Index chunk = cut; chunk != FullChunks::kNone; chunk = full.previous(chunk)) {
    ++count;
  }
  if (count == 0) return 0;
  if (cut != FullChunks::kNone) out->push_back(cut);
  if (oldest_kept != FullChunks::kNone) {
    full.CutBefore(oldest_kept);
  } else {
    Full().store(FullChunks::kNone, std::memory_order_release);
  }
  if (keep) return count;
  OpenStart().store(kEmptied, std::memory_order_relaxed);
  // The open chunk is only read under the lock.
  FreeOpen();
  return count;
}

void Series::SetLife(SeriesLife life) {
  uint32_t generation = tag_.load(std::memory_order_relaxed) >> 2;
  tag_.store((generation << 2) | static_cast<uint32_t>(life), std::memory_order_release);
}

void Series::Recycle() {
  uint32_t generation = (tag_.load(std::memory_order_relaxed) >> 2) + 1;
  logged = published = false;
  batch = 0;
  OpenStart().store(kNoTime, std::memory_order_relaxed);
  LastTime().store(kNoTime, std::memory_order_relaxed);
  value_bits_ = 0;
  tag_.store((generation << 2) | static_cast<uint32_t>(SeriesLife::kGone),
             std::memory_order_release);
}

base::Result<void> Series::CopyChunks(int64_t mint, int64_t maxt, const FullChunks& full,
                                      std::vector<ChunkCopy>* out) const {
  std::vector<ChunkCopy> found;  // newest first
  {
    std::lock_guard lock(lock_);
    if (size_ > 0 && open_start_ <= maxt && last_time_ >= mint) {
      EncodedChunk open = OpenChunk();
      found.push_back({open_start_, last_time_, std::string(open.data), open.encoding});
    }
    for (FullChunks::Index chunk = full_; chunk != FullChunks::kNone;
         chunk = full.previous(chunk)) {
      if (full.mint(chunk) > maxt || full.maxt(chunk) < mint) continue;
      EncodedChunk bytes = TRY(full.Read(chunk));
      found.push_back(
          {full.mint(chunk), full.maxt(chunk), std::string(bytes.data), bytes.encoding});
    }
  }
  std::reverse(found.begin(), found.end());
  for (ChunkCopy& chunk : TRY(TrimChunks(std::move(found), mint, maxt, {}))) {
    out->push_back(std::move(chunk));
  }
  return {};
}

}  // namespace slurmscope::tsdb
