// What else than floats a batch takes: histograms, exemplars, metadata.
#include <algorithm>

#include "tsdb/head_appender.h"

namespace slurmscope::tsdb {
namespace {

using model::AppendResult;
using model::AppendStatus;
using model::ExemplarStatus;

bool Equal(HistogramRef a, HistogramRef b) {
  if (a.encoding() != b.encoding()) return false;
  return a.integer() ? a.ints().Equals(b.ints()) : a.floats().Equals(b.floats());
}

}  // namespace

HistogramRef HeadAppender::PendingHistogram::view() const {
  return h.index() == 0 ? HistogramRef(std::get<0>(h)) : HistogramRef(std::get<1>(h));
}

const HeadAppender::PendingHistogram* HeadAppender::LastHistogramInBatch(
    const Series& series) const {
  if (last_histogram_.empty()) return nullptr;
  auto it = last_histogram_.find(&series);
  return it == last_histogram_.end() ? nullptr : &histograms_[it->second];
}

SamplePlace HeadAppender::PlaceIn(Series& series, int64_t t, HistogramRef h) {
  if (!InBatch(series)) return series.Place(t, h, head_.full_chunks());
  const Pending* last = LastInBatch(series);
  const PendingHistogram* histogram = LastHistogramInBatch(series);
  if (last == nullptr && histogram == nullptr) return series.Place(t, h, head_.full_chunks());
  bool after = histogram != nullptr && (last == nullptr || histogram->t > last->t);
  int64_t newest = after ? histogram->t : last->t;
  if (t > newest) return SamplePlace::kNewer;
  if (t < newest) return SamplePlace::kOlder;
  return after && Equal(histogram->view(), h) ? SamplePlace::kSame : SamplePlace::kDuplicate;
}

// Of the newest sample of the series, this batch's included.
uint8_t HeadAppender::EncodingOf(Series& series) {
  if (!InBatch(series)) return series.encoding(head_.full_chunks());
  const Pending* last = LastInBatch(series);
  const PendingHistogram* histogram = LastHistogramInBatch(series);
  if (last == nullptr && histogram == nullptr) return series.encoding(head_.full_chunks());
  bool after = histogram != nullptr && (last == nullptr || histogram->t > last->t);
  return after ? histogram->view().encoding() : kXorEncoding;
}

HistogramsRecord& HeadAppender::RecordFor(HistogramRef h) {
  RecordType type = HistogramRecordType(h);
  for (HistogramsRecord& record : histogram_records_) {
    if (record.type() == type) return record;
  }
  return histogram_records_.emplace_back(type);
}

// What is added later is also read later. A series whose samples change their type needs that, as
// each type has its own records.
void HeadAppender::CloseRecords() {
  if (!record_.empty()) full_records_.push_back(record_.Take());
  for (HistogramsRecord& record : histogram_records_) {
    if (!record.empty()) full_records_.push_back(record.Take());
  }
}

void HeadAppender::Add(Series& series, SeriesId id, int64_t t, HistogramRef h) {
  if (InBatch(series)) {
    const PendingHistogram* last = LastHistogramInBatch(series);
    bool same_type = last != nullptr && HistogramRecordType(last->view()) == HistogramRecordType(h);
    if (LastInBatch(series) != nullptr || !same_type) CloseRecords();
  }
  Touch(series, id);
  last_histogram_[&series] = histograms_.size();
  PendingHistogram& pending = histograms_.emplace_back();
  pending.series = &series;
  pending.t = t;
  pending.before = samples_.size();
  if (h.integer()) {
    pending.h = h.ints();
  } else {
    pending.h = h.floats();
  }
  HistogramsRecord& record = RecordFor(h);
  record.Add(series.wal_ref(), t, h);
  if (record.bytes().size() >= record_limit_) full_records_.push_back(record.Take());
}

AppendResult HeadAppender::Append(model::SeriesRef ref, const model::Labels& labels, int64_t t,
                                  HistogramRef h) {
  AppendStatus status;
  Series* series = FindSeries(&ref, labels, &status);
  if (series == nullptr) return {status, 0};
  auto late = [&] { return OooSample::Of(t, h); };
  if (TooOld(t)) return AppendOoo(ref, *series, t, late, true);
  SamplePlace place = PlaceIn(*series, t, h);
  if (place == SamplePlace::kOlder) return AppendOoo(ref, *series, t, late, true);
  if (place == SamplePlace::kDuplicate) return Refuse(AppendStatus::kDuplicate, ref, true);
  if (place == SamplePlace::kNewer) Add(*series, Head::IdOf(ref), t, h);
  return {AppendStatus::kOk, ref};
}

AppendResult HeadAppender::AppendHistogram(model::SeriesRef ref, const model::Labels& labels,
                                           int64_t t, const model::IntHistogram& h) {
  if (model::IsStale(h.sum)) return EndHistogram(kHistogramEncoding, ref, labels, t, h.sum);
  if (!model::Validate(h)) return {AppendStatus::kInvalidHistogram, 0};
  return Append(ref, labels, t, HistogramRef(h));
}

AppendResult HeadAppender::AppendFloatHistogram(model::SeriesRef ref, const model::Labels& labels,
                                                int64_t t, const model::FloatHistogram& h) {
  if (model::IsStale(h.sum)) return EndHistogram(kFloatHistogramEncoding, ref, labels, t, h.sum);
  if (!model::Validate(h)) return {AppendStatus::kInvalidHistogram, 0};
  return Append(ref, labels, t, HistogramRef(h));
}

AppendResult HeadAppender::EndHistogram(uint8_t encoding, model::SeriesRef ref,
                                        const model::Labels& labels, int64_t t, double v) {
  if (encoding == kHistogramEncoding) {
    model::IntHistogram marker;
    marker.sum = v;
    return Append(ref, labels, t, HistogramRef(marker));
  }
  model::FloatHistogram marker;
  marker.sum = v;
  return Append(ref, labels, t, HistogramRef(marker));
}

// A series that is there, or nullptr.
Series* HeadAppender::FindKnown(model::SeriesRef* ref, const model::Labels& labels) {
  if (!pass_.held()) pass_ = head_.grace().Enter();
  Series* series = *ref != 0 ? head_.Find(*ref) : nullptr;
  if (series != nullptr || !head_.HasLabels(labels)) return series;
  AppendStatus status;
  *ref = 0;
  return FindSeries(ref, labels, &status);
}

AppendStatus HeadAppender::CheckInOrder(model::SeriesRef ref, const model::Labels& labels,
                                        int64_t t) {
  Series* series = FindKnown(&ref, labels);
  if (TooOld(t)) return AppendStatus::kOutOfBounds;
  if (series == nullptr) return AppendStatus::kOk;
  return PlaceIn(*series, t, 0) == SamplePlace::kNewer ? AppendStatus::kOk
                                                       : AppendStatus::kOutOfOrder;
}

ExemplarStatus HeadAppender::AppendExemplar(model::SeriesRef ref, const model::Labels& labels,
                                            const model::Exemplar& exemplar) {
  if (head_.exemplars() == nullptr) return ExemplarStatus::kDisabled;
  if (FindKnown(&ref, labels) == nullptr) return ExemplarStatus::kUnknownSeries;
  SeriesId id = Head::IdOf(ref);
  bool known;
  ExemplarStatus status = head_.exemplars()->Check(head_.LabelsOf(id), exemplar, &known);
  if (status == ExemplarStatus::kOk && !known) exemplars_.push_back({id, exemplar});
  return status;
}

AppendStatus HeadAppender::UpdateMetadata(model::SeriesRef ref, const model::Labels& labels,
                                          const model::Metadata& metadata) {
  if (head_.metadata() == nullptr) return AppendStatus::kOk;
  Series* series = FindKnown(&ref, labels);
  if (series == nullptr) return AppendStatus::kUnknownSeries;
  if (head_.metadata()->Differs(series->wal_ref(), metadata)) {
    metadata_.push_back({series->wal_ref(), metadata});
  }
  return AppendStatus::kOk;
}

void HeadAppender::MakeOtherRecords(std::vector<StoredRecord>* out) {
  std::string metadata;
  for (const PendingMetadata& pending : metadata_) {
    AddMetadata(metadata, pending.wal_ref, pending.metadata);
    if (metadata.size() >= record_limit_) Store(std::exchange(metadata, {}), out);
  }
  if (!metadata.empty()) Store(std::move(metadata), out);
  ExemplarsRecord exemplars;
  for (const PendingExemplar& pending : exemplars_) {
    exemplars.Add(head_.series(pending.id).wal_ref(), pending.exemplar);
    if (exemplars.bytes().size() >= record_limit_) Store(exemplars.Take(), out);
  }
  if (!exemplars.empty()) Store(exemplars.Take(), out);
}

void HeadAppender::ApplyHistogram(const PendingHistogram& sample, Applied* applied) {
  bool new_chunk = false;
  if (!sample.series->Append(sample.t, sample.view(), head_.chunk_range_ms(), head_.full_chunks(),
                             &new_chunk)) {
    ComesLate(*sample.series, OooSample::Of(sample.t, sample.view()));
    return;
  }
  applied->mint = std::min(applied->mint, sample.t);
  applied->maxt = std::max(applied->maxt, sample.t);
  ++applied->taken;
  applied->chunks += new_chunk ? 1 : 0;
  head_.CountHistograms(1);
}

void HeadAppender::ApplyOthers() {
  for (const PendingExemplar& pending : exemplars_) {
    head_.exemplars()->Add(head_.LabelsOf(pending.id), pending.exemplar);
  }
  for (const PendingMetadata& pending : metadata_) {
    head_.metadata()->Set(pending.wal_ref, pending.metadata);
  }
}

}  // namespace slurmscope::tsdb
