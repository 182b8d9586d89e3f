#include "tsdb/replay_apply.h"

#include <algorithm>

namespace slurmscope::tsdb {
namespace {

constexpr size_t kQueuedBatches = 64;
// Neighbours stay together: they were scraped together and lie side by side in memory.
constexpr unsigned kSeriesPerRun = 64;
constexpr size_t kAhead = 8;

bool IsValid(HistogramRef h) {
  if (h.stale()) return true;
  return h.integer() ? model::Validate(h.ints()).has_value()
                     : model::Validate(h.floats()).has_value();
}

}  // namespace

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
    return series.Append(sample.t, sample.v, head_.chunk_range_ms(), head_.full_chunks(),
                         new_chunk);
  }
  HistogramRef h = batch.histograms[sample.histogram - 1].view();
  bool valid = IsValid(h);
  counts_.invalid_histograms += valid ? 0 : 1;
  if (!valid || !series.Append(sample.t, h, head_.chunk_range_ms(), head_.full_chunks(), new_chunk))
    return false;
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

ReplayApplier::ReplayApplier(Head& head, ChunkChains& chunks, size_t shards)
    : head_(head), chunks_(chunks) {
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
    if (handle->series->wal_ref() != entry.ref) continue;
    handle->series->logged = true;
    LinkChunks(entry.ref, handle->id);
  }
}

// Only those of the ref that the series is known by, which this is the first mention of: no sample
// can have come before. What it has under other refs is read from the log.
void ReplayApplier::LinkChunks(uint64_t ref, SeriesId id) {
  FullChunks::Index newest = chunks_.Take(ref);
  if (newest == FullChunks::kNone) return;
  if (id >= mapped_.size()) mapped_.resize(std::max<size_t>(id + 1, mapped_.size() * 2));
  mapped_[id].from = head_.RestoreChunks(id, newest);
  mapped_[id].until = head_.full_chunks().maxt(newest);
}

// When the log has an older sample than the chunks, the first of those are lost: the series is read
// from the log alone, which can be done while none of its samples was met. Later on an older one is
// just out of order.
bool ReplayApplier::IsMapped(SeriesId id, int64_t t) {
  if (t < head_.min_valid()) return true;
  Mapped& mapped = mapped_[id];
  if (t < mapped.from) {
    head_.ForgetChunks(id);
    mapped = {};
    ++incomplete_;
  }
  mapped.from = kNoTime;
  return t <= mapped.until && mapped.until != kNoTime;
}

void ReplayApplier::AddSample(const SampleEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (!id) {
    ++unknown_;
  } else if (InChunks(*id, entry.t)) {
    ++in_chunks_;
  } else {
    ShardOf(*id).Add({*id, 0, entry.t, entry.v});
  }
}

void ReplayApplier::AddHistogram(const HistogramEntry& entry) {
  auto id = refs_.Get(entry.ref);
  if (!id) {
    ++unknown_;
  } else if (InChunks(*id, entry.t)) {
    ++in_chunks_;
  } else {
    ShardOf(*id).Add(*id, entry);
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
  chunks_.FreeRest();
  head_.PublishAll(shards_.size() + 1);
  report->unknown_series_samples = unknown_;
  report->samples_in_chunks = in_chunks_;
  report->incomplete_series = incomplete_;
  HeadStats stats;
  head_.FillStats(&stats);
  report->series = stats.series;
}

// A ref without a series must not become that of another one while the log has its samples.
std::optional<SeriesId> OooReplayApplier::IdOf(uint64_t ref) {
  auto id = refs_.Get(ref);
  if (!id) head_.ReserveRef(ref);
  return id;
}

void OooReplayApplier::Add(uint64_t ref, OooSample sample) {
  auto id = IdOf(ref);
  if (!id) {
    ++unknown_;
    return;
  }
  bool histogram = sample.h != nullptr;
  if (!head_.ooo().Insert(*id, head_.series(*id).wal_ref(), std::move(sample))) return;
  ++samples_;
  histograms_ += histogram ? 1 : 0;
}

base::Result<void> OooReplayApplier::Apply(const DecodedRecord& record) {
  for (const SampleEntry& entry : record.samples) Add(entry.ref, {entry.t, entry.v});
  for (const HistogramEntry& entry : record.histograms) {
    bool valid = IsValid(entry.view());
    invalid_ += valid ? 0 : 1;
    if (valid) Add(entry.ref, OooSample::Of(entry.t, entry.view()));
  }
  for (const TombstoneEntry& entry : record.tombstones) {
    if (auto id = IdOf(entry.ref)) TRY(head_.ooo().Delete(*id, entry.interval));
  }
  return {};
}

void OooReplayApplier::Finish(ReplayReport* report) {
  head_.CountOoo(samples_, histograms_);
  if (samples_ > 0) head_.PublishAll(1);
  report->ooo_samples = samples_;
  report->ooo_histograms = histograms_;
  report->invalid_histograms += invalid_;
  report->unknown_series_samples += unknown_;
  HeadStats stats;
  head_.FillStats(&stats);
  report->series = stats.series;
}

}  // namespace slurmscope::tsdb
