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
// The open chunks of a batch are all over the memory: a miss takes as long as some samples.
constexpr size_t kPrefetchAhead = 8;

bool ValidLabels(const model::Labels& labels) {
  if (!labels.Has(model::kMetricName)) return false;
  for (model::Label label : labels) {
    if (label.name.empty() || !base::IsValidUtf8(label.name) || !base::IsValidUtf8(label.value)) {
      return false;
    }
  }
  return true;
}

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

SamplePlace Compare(int64_t last_t, int64_t t, bool same) {
  if (t > last_t) return SamplePlace::kNewer;
  if (t < last_t) return SamplePlace::kOlder;
  return same ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

// The head takes what is at most half a chunk range older than its newest sample.
int64_t OldestValid(int64_t newest, int64_t chunk_range) {
  int64_t half = chunk_range / 2;
  return newest < kNoTime + half ? kNoTime : newest - half;
}

}  // namespace

HeadAppender::HeadAppender(Head& head, Wal& wal, Wbl& wbl, WalCompression compression,
                           Health& health)
    : head_(head),
      wal_(wal),
      wbl_(wbl),
      compression_(compression),
      health_(health),
      record_limit_(std::min(kMaxRecordPayload, wal.max_record_bytes() / 4)),
      batch_(head.NextBatch()) {}

const HeadAppender::Pending* HeadAppender::LastInBatch(Series& series) {
  if (last_.empty()) {
    for (size_t i = 0; i < samples_.size(); ++i) last_[samples_[i].series] = i;
  }
  auto it = last_.find(&series);
  return it == last_.end() ? nullptr : &samples_[it->second];
}

void HeadAppender::Touch(Series& series, SeriesId id) {
  series.batch.store(static_cast<uint16_t>(batch_), std::memory_order_relaxed);
  NoteIfNew(series, id);
}

void HeadAppender::NoteIfNew(const Series& series, SeriesId id) {
  bool known = series.logged.load(std::memory_order_acquire) &&
               series.published.load(std::memory_order_acquire);
  if (!known) new_series_.push_back(id);
}

SamplePlace HeadAppender::PlaceIn(Series& series, int64_t t, double v) {
  if (InBatch(series)) {
    const Pending* last = LastInBatch(series);
    const PendingHistogram* histogram = LastHistogramInBatch(series);
    bool after = histogram != nullptr && (last == nullptr || histogram->t > last->t);
    if (after) return Compare(histogram->t, t, false);
    if (last != nullptr) return Compare(last->t, t, SameBits(last->v, v));
  }
  return series.Place(t, v, head_.full_chunks());
}

void HeadAppender::Add(Series& series, SeriesId id, int64_t t, double v) {
  if (LastHistogramInBatch(series) != nullptr) CloseRecords();
  Touch(series, id);
  if (samples_.empty()) {
    samples_.reserve(head_.usual_batch());
    record_.Reserve(head_.usual_batch());
  }
  if (!last_.empty()) last_[&series] = samples_.size();
  samples_.push_back({&series, t, v});
  record_.Add(series.wal_ref(), t, v);
  if (record_.bytes().size() >= record_limit_) full_records_.push_back(record_.Take());
}

Series* HeadAppender::FindSeries(model::SeriesRef* ref, const model::Labels& labels,
                                 AppendStatus* status) {
  if (!pass_.held()) pass_ = head_.grace().Enter();
  Series* series = *ref != 0 ? head_.Find(*ref) : nullptr;
  if (series != nullptr) return series;
  *status = AppendStatus::kUnknownSeries;
  if (*ref != 0 && labels.empty()) return nullptr;
  *status = AppendStatus::kInvalidLabels;
  if (!ValidLabels(labels)) return nullptr;
  auto handle = head_.GetOrCreate(labels);
  if (!handle) return nullptr;
  *ref = head_.RefOf(handle->id);
  return handle->series;
}

bool HeadAppender::TooOld(int64_t t) {
  if (!has_min_valid_) {
    int64_t newest = head_.max_time() == kNoTime ? t : head_.max_time();
    min_valid_ = std::max(OldestValid(newest, head_.chunk_range_ms()), head_.min_valid());
    ooo_window_ = head_.ooo_window();
    oldest_ooo_ = newest < kNoTime + ooo_window_ ? kNoTime : newest - ooo_window_;
    has_min_valid_ = true;
  }
  return t < min_valid_;
}

AppendResult HeadAppender::Refuse(AppendStatus status, model::SeriesRef ref, bool histogram) {
  head_.CountRefused(status, histogram);
  return {status, ref};
}

AppendResult HeadAppender::Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                                  double v) {
  AppendStatus status;
  Series* series = FindSeries(&ref, labels, &status);
  if (series == nullptr) return {status, 0};
  if (model::IsStale(v)) {
    uint8_t encoding = EncodingOf(*series);
    if (encoding != kXorEncoding) return EndHistogram(encoding, ref, labels, t, v);
  }
  if (TooOld(t)) return AppendOoo(ref, *series, t, [&] { return OooSample{t, v}; });
  SamplePlace place = PlaceIn(*series, t, v);
  if (place == SamplePlace::kOlder) {
    return AppendOoo(ref, *series, t, [&] { return OooSample{t, v}; });
  }
  if (place == SamplePlace::kDuplicate) return Refuse(AppendStatus::kDuplicate, ref);
  if (place == SamplePlace::kNewer) Add(*series, Head::IdOf(ref), t, v);
  return {AppendStatus::kOk, ref};
}

AppendResult HeadAppender::AppendOoo(model::SeriesRef ref, const Series& series, int64_t t,
                                     const std::function<OooSample()>& make, bool histogram) {
  if (TakesOoo(t)) {
    SeriesId id = Head::IdOf(ref);
    NoteIfNew(series, id);
    ooo_.push_back({id, make()});
    return {AppendStatus::kOk, ref};
  }
  if (ooo_window_ > 0) return Refuse(AppendStatus::kTooOld, ref, histogram);
  return Refuse(TooOld(t) ? AppendStatus::kOutOfBounds : AppendStatus::kOutOfOrder, ref, histogram);
}

void HeadAppender::MakeSeriesRecords(std::vector<StoredRecord>* out) {
  std::sort(new_series_.begin(), new_series_.end());
  new_series_.erase(std::unique(new_series_.begin(), new_series_.end()), new_series_.end());
  std::string record;
  for (SeriesId id : new_series_) {
    if (head_.series(id).logged.load(std::memory_order_acquire)) continue;
    head_.AppendSeriesRecord(id, &record);
    if (record.size() >= record_limit_) Store(std::exchange(record, {}), out);
  }
  if (!record.empty()) Store(std::move(record), out);
}

// The series come first, so that no reader meets a ref it does not know.
std::vector<StoredRecord> HeadAppender::MakeRecords() {
  std::vector<StoredRecord> records;
  MakeSeriesRecords(&records);
  CloseRecords();
  for (std::string& record : full_records_) Store(std::move(record), &records);
  MakeOtherRecords(&records);
  return records;
}

void HeadAppender::Store(std::string record, std::vector<StoredRecord>* out) const {
  out->push_back(StoreRecord(std::move(record), compression_));
}

void HeadAppender::ApplyFloats(size_t first, size_t last, Applied* applied) {
  for (size_t i = first; i < last; ++i) {
    const Pending& sample = samples_[i];
    if (i + 2 * kPrefetchAhead < last) samples_[i + 2 * kPrefetchAhead].series->PrefetchSeries();
    if (i + kPrefetchAhead < last) samples_[i + kPrefetchAhead].series->PrefetchAppend();
    bool new_chunk = false;
    if (!sample.series->Append(sample.t, sample.v, head_.chunk_range_ms(), head_.full_chunks(),
                               &new_chunk)) {
      ComesLate(*sample.series, {sample.t, sample.v});
      continue;
    }
    applied->mint = std::min(applied->mint, sample.t);
    applied->maxt = std::max(applied->maxt, sample.t);
    ++applied->taken;
    applied->chunks += new_chunk ? 1 : 0;
  }
}

// Another batch was committed since this sample was checked.
void HeadAppender::ComesLate(const Series& series, OooSample sample) {
  bool wanted = sample.t < series.last_time() && TakesOoo(sample.t);
  const bool histogram = sample.h != nullptr;
  auto id = wanted ? head_.IdOf(series) : std::nullopt;
  if (id) {
    ooo_.push_back({*id, std::move(sample)});
  } else {
    head_.CountRefused(AppendStatus::kOutOfOrder, histogram);
  }
}

// The samples of a series must be read in the order in which they are applied, whatever their type.
std::vector<StoredRecord> HeadAppender::MakeOooRecords() const {
  std::vector<StoredRecord> records;
  SamplesRecord floats;
  std::optional<HistogramsRecord> histograms;
  auto close = [&] {
    if (!floats.empty()) Store(floats.Take(), &records);
    if (histograms && !histograms->empty()) Store(histograms->Take(), &records);
  };
  for (const PendingOoo& pending : ooo_) {
    const OooSample& sample = pending.sample;
    uint64_t ref = head_.series(pending.id).wal_ref();
    size_t size = floats.bytes().size() + (histograms ? histograms->bytes().size() : 0);
    if (size >= record_limit_) close();
    if (!sample.h) {
      if (histograms) close();
      histograms.reset();
      floats.Add(ref, sample.t, sample.v);
      continue;
    }
    HistogramRef h = sample.view();
    bool same = histograms && histograms->type() == HistogramRecordType(h);
    if (!same) close();
    if (!same) histograms.emplace(HistogramRecordType(h));
    histograms->Add(ref, sample.t, h);
  }
  close();
  return records;
}

Result<void> HeadAppender::CommitOoo() {
  if (ooo_.empty()) return {};
  return wbl_.Commit(MakeOooRecords(), [this] {
    uint64_t taken = 0;
    uint64_t histograms = 0;
    for (PendingOoo& pending : ooo_) {
      bool histogram = pending.sample.h != nullptr;
      uint64_t ref = head_.series(pending.id).wal_ref();
      if (!head_.ooo().Insert(pending.id, ref, std::move(pending.sample))) continue;
      ++taken;
      histograms += histogram ? 1 : 0;
    }
    head_.CountOoo(taken, histograms);
    return Result<void>();
  });
}

void HeadAppender::Apply() {
  Applied applied;
  size_t floats = 0;
  for (const PendingHistogram& sample : histograms_) {
    ApplyFloats(std::exchange(floats, sample.before), sample.before, &applied);
    ApplyHistogram(sample, &applied);
  }
  ApplyFloats(floats, samples_.size(), &applied);
  head_.Count(applied.taken, applied.chunks, applied.mint, applied.maxt);
  head_.NoteBatch(samples_.size());
}

Result<void> HeadAppender::Commit() {
  bool empty = samples_.empty() && histograms_.empty() && ooo_.empty() && exemplars_.empty() &&
               metadata_.empty();
  if (empty) {
    Reset();
    return {};
  }
  auto written = wal_.Write(MakeRecords());
  if (written) {
    for (SeriesId id : new_series_) head_.series(id).logged.store(true, std::memory_order_release);
    Apply();
    ApplyOthers();
    // After the write-ahead log, which names the series.
    written = CommitOoo();
    if (!new_series_.empty()) head_.Publish(new_series_);
  }
  health_.NoteWrite(written);
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
  histograms_.clear();
  last_histogram_.clear();
  histogram_records_.clear();
  ooo_.clear();
  exemplars_.clear();
  metadata_.clear();
  has_min_valid_ = false;
  batch_ = head_.NextBatch();
  pass_.Leave();
}

}  // namespace slurmscope::tsdb
