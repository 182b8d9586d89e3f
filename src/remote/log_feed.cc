#include "remote/log_feed.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"

namespace slurmscope::remote {
namespace {

constexpr int64_t kLogPauseNs = int64_t{60} * 1'000'000'000;
// Until the log has been measured.
constexpr double kBytesPerItem = 8;

bool IsCustom(const OutgoingHistogram& histogram) {
  return std::visit([](const auto& h) { return h.custom(); }, histogram);
}

}  // namespace

LogFeed::LogFeed(const config::RemoteWriteConfig& config,
                 std::map<std::string, std::string> external, model::SampleLog& log,
                 const base::Clock& clock, WriteShards& shards, WriteStats* stats)
    : config_(config),
      log_(log),
      clock_(clock),
      shards_(shards),
      stats_(stats),
      series_(std::move(external), config.write_relabel_configs) {}

LogFeed::Progress LogFeed::Read() {
  if (!has_batch_) {
    if (!shards_.HasRoomForBatch()) return Progress::kNoRoom;
    model::LogPosition before = batch_.end;
    auto found = log_.Next(&batch_);
    if (!found) {
      if (clock_.SteadyNs() >= log_quiet_ns_) {
        log_quiet_ns_ = clock_.SteadyNs() + kLogPauseNs;
        base::LogError("the write-ahead log cannot be read for remote write, tried again",
                       {{"remote_name", config_.name}, {"error", found.error()}});
      }
      return Progress::kFailed;
    }
    if (!*found || !TakeNext(before)) return *found ? Progress::kRead : Progress::kNothingNew;
  }
  if (PushBatch()) {
    has_batch_ = false;
    stalled_ = false;
    return Progress::kRead;
  }
  if (!std::exchange(stalled_, true)) ++stats_->enqueue_retries;
  return Progress::kNoRoom;
}

// False when there is nothing to push in it.
bool LogFeed::TakeNext(const model::LogPosition& before) {
  series_.Take(batch_);
  if (batch_.lost_segments > 0) {
    stats_->lost_segments += batch_.lost_segments;
    base::LogError("a part of the write-ahead log was deleted or damaged before it was sent",
                   {{"remote_name", config_.name}, {"segments", batch_.lost_segments}});
  }
  stats_->log_segment = batch_.end.segment;
  uint64_t items = batch_.samples.size() + batch_.histograms.size() + batch_.exemplars.size();
  read_ += items;
  if (items > 0 && before.segment == batch_.end.segment && before.offset < batch_.end.offset) {
    measured_bytes_ += batch_.end.offset - before.offset;
    measured_items_ += items;
  }
  shards_.BeginBatch(batch_.end, items);
  next_sample_ = next_histogram_ = next_exemplar_ = 0;
  oldest_ms_ = config_.queue.sample_age_limit_ms == 0
                   ? std::numeric_limits<int64_t>::min()
                   : clock_.NowMs() - config_.queue.sample_age_limit_ms;
  has_batch_ = items > 0;
  return has_batch_;
}

bool LogFeed::PushBatch() { return PushSamples() && PushHistograms() && PushExemplars(); }

bool LogFeed::Wanted(size_t kind, model::SeriesRef ref, int64_t t, OutgoingItem* item) {
  SentCounts& counts = stats_->kinds[kind];
  ++counts.read;
  if (kind != kExemplars) stats_->highest_read_ms = std::max(stats_->highest_read_ms, t);
  switch (series_.Find(ref, &item->series)) {
    case SeriesTable::Found::kDropped:
      ++counts.dropped_relabeled;
      break;
    case SeriesTable::Found::kUnknown:
      ++counts.dropped_unknown;
      break;
    case SeriesTable::Found::kSend:
      item->t = t;
      if (t >= oldest_ms_) return true;
      ++counts.dropped_too_old;
  }
  shards_.Skip();
  return false;
}

bool LogFeed::PushSamples() {
  for (; next_sample_ < batch_.samples.size(); ++next_sample_) {
    const model::LogBatch::Sample& sample = batch_.samples[next_sample_];
    if (!shards_.HasRoom(sample.ref)) return false;
    OutgoingItem item;
    if (!Wanted(kSamples, sample.ref, sample.t, &item)) continue;
    item.value = sample.v;
    shards_.Push(std::move(item));
  }
  return true;
}

bool LogFeed::PushHistograms() {
  bool v2 = shards_.version() == WriteVersion::kV2;
  for (; next_histogram_ < batch_.histograms.size(); ++next_histogram_) {
    model::LogHistogram& histogram = batch_.histograms[next_histogram_];
    if (!shards_.HasRoom(histogram.ref)) return false;
    if (!v2 && !config_.send_native_histograms) {
      shards_.Skip();
      continue;
    }
    OutgoingItem item;
    if (!Wanted(kHistograms, histogram.ref, histogram.t, &item)) continue;
    if (!v2 && IsCustom(histogram.h)) {
      ++stats_->kinds[kHistograms].dropped_nhcb;
      shards_.Skip();
      continue;
    }
    item.value = std::make_unique<OutgoingHistogram>(std::move(histogram.h));
    shards_.Push(std::move(item));
  }
  return true;
}

bool LogFeed::PushExemplars() {
  bool wanted = config_.send_exemplars || shards_.version() == WriteVersion::kV2;
  for (; next_exemplar_ < batch_.exemplars.size(); ++next_exemplar_) {
    auto& [ref, exemplar] = batch_.exemplars[next_exemplar_];
    if (!shards_.HasRoom(ref)) return false;
    if (!wanted) {
      shards_.Skip();
      continue;
    }
    OutgoingItem item;
    if (!Wanted(kExemplars, ref, exemplar.t, &item)) continue;
    item.value = std::make_unique<model::Exemplar>(std::move(exemplar));
    shards_.Push(std::move(item));
  }
  return true;
}

double LogFeed::SamplesBehind() const {
  double bytes_per_item = measured_items_ == 0 ? kBytesPerItem
                                               : static_cast<double>(measured_bytes_) /
                                                     static_cast<double>(measured_items_);
  return static_cast<double>(log_.BytesBehind()) / std::max(bytes_per_item, 0.1);
}

}  // namespace slurmscope::remote
