#include "tsdb/replay_apply.h"

#include <algorithm>

namespace slurmscope::tsdb {
namespace {

constexpr size_t kQueuedBatches = 64;
// Neighbours stay together: they were scraped together and lie side by side in memory.
constexpr unsigned kSeriesPerRun = 64;
constexpr size_t kAhead = 8;

}  // namespace

void RefMap::Set(uint64_t ref, SeriesId id) {
  if (ref >= kDense) {
    sparse_[ref] = id + 1;
    return;
  }
  if (ref >= dense_.size()) dense_.resize(std::max<size_t>(ref + 1, dense_.size() * 2));
  dense_[ref] = id + 1;
}

std::optional<SeriesId> RefMap::GetSparse(uint64_t ref) const {
  auto it = sparse_.find(ref);
  if (it == sparse_.end()) return std::nullopt;
  return it->second - 1;
}

ReplayShard::ReplayShard(Head& head)
    : head_(head), queue_(kQueuedBatches), thread_([this] { Run(); }) {}

ReplayShard::~ReplayShard() {
  if (thread_.joinable()) Finish();
}

void ReplayShard::HandOn() {
  queue_.Push(std::move(next_));
  next_ = queue_.Spare();
  next_.samples.clear();
  next_.histograms.clear();
}

const ReplayShard::Counts& ReplayShard::Finish() {
  if (!next_.samples.empty()) queue_.Push(std::move(next_));
  queue_.Close();
  thread_.join();
  return counts_;
}

// Samples that are older than the series' newest one are there already: a checkpoint repeats
// samples of its segments.
bool ReplayShard::Append(const Batch& batch, const Sample& sample, bool* new_chunk) {
  Series& series = head_.series(sample.id);
  if (sample.histogram == 0) {
    return series.Append(sample.t, sample.v, head_.chunk_range_ms(), new_chunk);
  }
  HistogramRef h = batch.histograms[sample.histogram - 1].view();
  bool valid = h.stale() || (h.integer() ? model::Validate(h.ints()).has_value()
                                         : model::Validate(h.floats()).has_value());
  counts_.invalid_histograms += valid ? 0 : 1;
  if (!valid || !series.Append(sample.t, h, head_.chunk_range_ms(), new_chunk)) return false;
  ++counts_.histograms;
  return true;
}

void ReplayShard::Run() {
  int64_t min_valid = head_.min_valid();
  while (auto batch = queue_.Pop()) {
    for (const Sample& sample : batch->samples) {
      if (sample.t < min_valid) continue;
      bool new_chunk = false;
      if (!Append(*batch, sample, &new_chunk)) continue;
      ++counts_.samples;
      counts_.chunks += new_chunk ? 1 : 0;
      counts_.mint = std::min(counts_.mint, sample.t);
      counts_.maxt = std::max(counts_.maxt, sample.t);
    }
    queue_.GiveBack(*std::move(batch));
  }
}

ReplayApplier::ReplayApplier(Head& head, size_t shards) : head_(head) {
  for (size_t i = 0; i < shards; ++i) shards_.push_back(std::make_unique<ReplayShard>(head));
}

void ReplayApplier::Apply(const DecodedRecord& record) {
  AddSeries(record);
  for (const SampleEntry& entry : record.samples) AddSample(entry);
  for (const HistogramEntry& entry : record.histograms) AddHistogram(entry);
  for (const TombstoneEntry& entry : record.tombstones) AddTombstone(entry);
  for (const ExemplarEntry& entry : record.exemplars) AddExemplar(entry);
  for (const MetadataEntry& entry : record.metadata) AddMetadata(entry);
}

// A restarted Prometheus may name a series again by another ref.
void ReplayApplier::AddSeries(const DecodedRecord& record) {
  for (size_t i = 0; i < record.series.size(); ++i) {
    if (i + kAhead < record.series.size()) head_.PrefetchSeries(record.series[i + kAhead].hash);
    const LoggedSeries& entry = record.series[i];
    auto handle = head_.Restore(entry.hash, record.LabelsOf(entry), entry.ref);
    if (!handle) continue;
    refs_.Set(entry.ref, handle->id);
    if (handle->series->wal_ref() == entry.ref) handle->series->logged = true;
  }
}

void ReplayApplier::AddSample(const SampleEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (!id) {
    ++unknown_;
    return;
  }
  ShardOf(*id).Add({*id, 0, entry.t, entry.v});
}

void ReplayApplier::AddHistogram(const HistogramEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (id) {
    ShardOf(*id).Add(*id, entry);
  } else {
    ++unknown_;
  }
}

ReplayShard& ReplayApplier::ShardOf(SeriesId id) {
  return *shards_[id / kSeriesPerRun % shards_.size()];
}

void ReplayApplier::AddTombstone(const TombstoneEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (id && entry.interval.maxt >= head_.min_valid()) head_.tombstones().Add(*id, entry.interval);
}

// Without regard to time: they are in no block.
void ReplayApplier::AddExemplar(const ExemplarEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (id && head_.exemplars() != nullptr) {
    head_.exemplars()->Add(head_.LabelsOf(*id), entry.exemplar);
  }
}

void ReplayApplier::AddMetadata(const MetadataEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (id && head_.metadata() != nullptr) {
    head_.metadata()->Set(head_.series(*id).wal_ref(), entry.metadata);
  }
}

void ReplayApplier::Finish(ReplayReport* report) {
  for (const auto& shard : shards_) {
    const ReplayShard::Counts& counts = shard->Finish();
    head_.Count(counts.samples, counts.chunks, counts.mint, counts.maxt);
    head_.CountHistograms(counts.histograms);
    report->samples += counts.samples;
    report->histograms += counts.histograms;
    report->invalid_histograms += counts.invalid_histograms;
  }
  head_.PublishAll(shards_.size() + 1);
  report->unknown_series_samples = unknown_;
  HeadStats stats;
  head_.FillStats(&stats);
  report->series = stats.series;
}

}  // namespace slurmscope::tsdb
