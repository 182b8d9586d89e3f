#include "tsdb/head_appender.h"

#include <algorithm>
#include <bit>

#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::tsdb {
namespace {

using base::Result;
using model::AppendResult;
using model::AppendStatus;

constexpr size_t kMaxRecordPayload = 1 << 20;

bool ValidLabels(const model::Labels& labels) {
  if (!labels.Has(model::kMetricName)) return false;
  for (model::Label label : labels) {
    if (label.name.empty() || !base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) {
      return false;
    }
  }
  return true;
}

SamplePlace Compare(int64_t last_t, double last_v, int64_t t, double v) {
  if (t > last_t) return SamplePlace::kNewer;
  if (t < last_t) return SamplePlace::kOlder;
  bool same = std::bit_cast<uint64_t>(v) == std::bit_cast<uint64_t>(last_v);
  return same ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

// The head takes what is at most half a chunk range older than its newest sample.
int64_t OldestValid(int64_t newest, int64_t chunk_range) {
  int64_t half = chunk_range / 2;
  return newest < kNoTime + half ? kNoTime : newest - half;
}

}  // namespace

HeadAppender::HeadAppender(Head& head, Wal& wal, WalCompression compression,
                           std::atomic<bool>& writable)
    : head_(head),
      wal_(wal),
      compression_(compression),
      writable_(writable),
      record_limit_(std::min(kMaxRecordPayload, wal.max_record_bytes() / 4)),
      batch_(head.NextBatch()) {}

const HeadAppender::Pending* HeadAppender::LastInBatch(Series& series) {
  if (last_.empty()) {
    for (size_t i = 0; i < samples_.size(); ++i) last_[samples_[i].series] = i;
  }
  auto it = last_.find(&series);
  return it == last_.end() ? nullptr : &samples_[it->second];
}

SamplePlace HeadAppender::PlaceIn(Series& series, int64_t t, double v) {
  if (series.batch.load(std::memory_order_relaxed) == static_cast<uint16_t>(batch_)) {
    if (const Pending* last = LastInBatch(series)) return Compare(last->t, last->v, t, v);
  }
  return series.Place(t, v);
}

void HeadAppender::Add(Series& series, SeriesId id, int64_t t, double v) {
  series.batch.store(static_cast<uint16_t>(batch_), std::memory_order_relaxed);
  bool known = series.logged.load(std::memory_order_acquire) &&
               series.published.load(std::memory_order_acquire);
  if (!known) new_series_.push_back(id);
  if (!last_.empty()) last_[&series] = samples_.size();
  samples_.push_back({&series, t, v});
  record_.Add(series.wal_ref(), t, v);
  if (record_.bytes().size() >= record_limit_) full_records_.push_back(record_.Take());
}

AppendResult HeadAppender::Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                                  double v) {
  if (!pass_.held()) pass_ = head_.grace().Enter();
  Series* series = ref != 0 ? head_.Find(ref) : nullptr;
  if (series == nullptr) {
    if (ref != 0 && labels.empty()) return {AppendStatus::kUnknownSeries, 0};
    if (!ValidLabels(labels)) return {AppendStatus::kInvalidLabels, 0};
    auto handle = head_.GetOrCreate(labels);
    if (!handle) return {AppendStatus::kInvalidLabels, 0};
    series = handle->series;
    ref = head_.RefOf(handle->id);
  }
  if (!has_min_valid_) {
    int64_t newest = head_.max_time() == kNoTime ? t : head_.max_time();
    min_valid_ = std::max(OldestValid(newest, head_.chunk_range_ms()), head_.min_valid());
    has_min_valid_ = true;
  }
  AppendStatus status = AppendStatus::kOk;
  if (t < min_valid_) {
    status = AppendStatus::kOutOfBounds;
  } else {
    SamplePlace place = PlaceIn(*series, t, v);
    if (place == SamplePlace::kNewer) Add(*series, Head::IdOf(ref), t, v);
    if (place == SamplePlace::kOlder) status = AppendStatus::kOutOfOrder;
    if (place == SamplePlace::kDuplicate) status = AppendStatus::kDuplicate;
  }
  if (status != AppendStatus::kOk) head_.CountRefused(status);
  return {status, ref};
}

void HeadAppender::Store(std::string record, std::vector<StoredRecord>* out) const {
  out->push_back(StoreRecord(std::move(record), compression_));
}

// The series come first, so that no reader meets a ref it does not know.
std::vector<StoredRecord> HeadAppender::MakeRecords() {
  std::sort(new_series_.begin(), new_series_.end());
  new_series_.erase(std::unique(new_series_.begin(), new_series_.end()), new_series_.end());
  std::vector<StoredRecord> records;
  std::string series_record;
  for (SeriesId id : new_series_) {
    if (head_.series(id).logged.load(std::memory_order_acquire)) continue;
    head_.AppendSeriesRecord(id, &series_record);
    if (series_record.size() >= record_limit_) Store(std::exchange(series_record, {}), &records);
  }
  if (!series_record.empty()) Store(std::move(series_record), &records);
  for (std::string& record : full_records_) Store(std::move(record), &records);
  if (!record_.empty()) Store(record_.Take(), &records);
  return records;
}

void HeadAppender::Apply() {
  int64_t mint = samples_.front().t;
  int64_t maxt = mint;
  uint64_t taken = 0;
  uint64_t chunks = 0;
  for (const Pending& sample : samples_) {
    bool new_chunk = false;
    if (!sample.series->Append(sample.t, sample.v, head_.chunk_range_ms(), &new_chunk)) {
      // Another batch was committed since this sample was checked.
      head_.CountRefused(AppendStatus::kOutOfOrder);
      continue;
    }
    mint = std::min(mint, sample.t);
    maxt = std::max(maxt, sample.t);
    ++taken;
    chunks += new_chunk ? 1 : 0;
  }
  head_.Count(taken, chunks, mint, maxt);
}

Result<void> HeadAppender::Commit() {
  if (samples_.empty()) {
    Reset();
    return {};
  }
  auto written = wal_.Write(MakeRecords());
  if (written) {
    for (SeriesId id : new_series_) head_.series(id).logged.store(true, std::memory_order_release);
    Apply();
    if (!new_series_.empty()) head_.Publish(new_series_);
  }
  bool was_writable = writable_.exchange(written.has_value(), std::memory_order_relaxed);
  if (was_writable && !written) {
    base::LogError("samples cannot be written and are dropped", {{"error", written.error()}});
  } else if (!was_writable && written) {
    base::LogWarn("samples can be written again");
  }
  Reset();
  return written;
}

void HeadAppender::Rollback() { Reset(); }

void HeadAppender::Reset() {
  samples_.clear();
  new_series_.clear();
  record_.Clear();
  full_records_.clear();
  last_.clear();
  has_min_valid_ = false;
  batch_ = head_.NextBatch();
  pass_.Leave();
}

}  // namespace slurmscope::tsdb
