#include "api/remote_metrics.h"

#include <array>

#include "base/float_text.h"
#include "base/strings.h"
#include "exposition/text_writer.h"
#include "remote/write_encoder.h"

namespace slurmscope::api {
namespace {

using base::StrCat;
using model::MetricType;
using remote::SentCounts;
using remote::WriteStats;

// In the order of OutgoingItem::kind().
constexpr std::array<std::string_view, remote::kKinds> kKindNames = {"samples", "histograms",
                                                                     "exemplars"};

class Families {
 public:
  Families(const std::vector<WriteStats>& queues, std::string& out) : queues_(queues), text_(out) {}

  template <typename Value>
  void Each(std::string_view name, std::string_view help, MetricType type, const Value& value) {
    std::string full = StrCat("prometheus_remote_storage_", name);
    text_.Family(full, help, type);
    for (const WriteStats& queue : queues_) {
      text_.Sample(full, {{"remote_name", queue.name}, {"url", queue.url}},
                   static_cast<double>(value(queue)));
    }
  }
  // One family for each kind: `name` without its beginning, "_failed_total".
  void ByKind(std::string_view name, std::string_view help, MetricType type,
              uint64_t SentCounts::*value) {
    for (size_t kind = 0; kind < remote::kKinds; ++kind) {
      Each(StrCat(kKindNames[kind], name), StrCat(kKindNames[kind], ": ", help), type,
           [&](const WriteStats& queue) { return queue.kinds[kind].*value; });
    }
  }
  void Dropped();
  void Durations();
  exposition::TextWriter& text() { return text_; }

 private:
  const std::vector<WriteStats>& queues_;
  exposition::TextWriter text_;
};

void Families::Dropped() {
  struct Reason {
    std::string_view name;
    uint64_t SentCounts::*value;
  };
  constexpr std::array<Reason, 4> kReasons = {
      {{"dropped_series", &SentCounts::dropped_relabeled},
       {"unintentionally_dropped_series", &SentCounts::dropped_unknown},
       {"too_old", &SentCounts::dropped_too_old},
       {"nhcb_in_rw1_not_supported", &SentCounts::dropped_nhcb}}};
  for (size_t kind = 0; kind < remote::kKinds; ++kind) {
    std::string name = StrCat("prometheus_remote_storage_", kKindNames[kind], "_dropped_total");
    text_.Family(name, StrCat(kKindNames[kind], " that were read from the log and not sent."),
                 MetricType::kCounter);
    for (const WriteStats& queue : queues_) {
      for (const Reason& reason : kReasons) {
        text_.Sample(name,
                     {{"remote_name", queue.name}, {"url", queue.url}, {"reason", reason.name}},
                     static_cast<double>(queue.kinds[kind].*reason.value));
      }
    }
  }
}

void Families::Durations() {
  constexpr std::string_view kName = "prometheus_remote_storage_sent_batch_duration_seconds";
  text_.Family(kName, "Durations of the requests that were taken.", MetricType::kHistogram);
  const std::string bucket = StrCat(kName, "_bucket");
  for (const WriteStats& queue : queues_) {
    uint64_t so_far = 0;
    for (size_t i = 0; i < remote::DurationCounts::kBounds.size(); ++i) {
      so_far += queue.requests.at_most[i];
      std::string bound;
      base::AppendFloat(bound, remote::DurationCounts::kBounds[i], base::FloatStyle::kExposition);
      text_.Sample(bucket, {{"remote_name", queue.name}, {"url", queue.url}, {"le", bound}},
                   static_cast<double>(so_far));
    }
    text_.Sample(bucket, {{"remote_name", queue.name}, {"url", queue.url}, {"le", "+Inf"}},
                 static_cast<double>(queue.requests.count));
    text_.Sample(StrCat(kName, "_sum"), {{"remote_name", queue.name}, {"url", queue.url}},
                 queue.requests.sum);
    text_.Sample(StrCat(kName, "_count"), {{"remote_name", queue.name}, {"url", queue.url}},
                 static_cast<double>(queue.requests.count));
  }
}

void WriteShardFamilies(Families& families) {
  constexpr MetricType kGauge = MetricType::kGauge;
  families.Each("shards", "Requests that may be under way at once.", kGauge,
                [](const WriteStats& queue) { return queue.shards; });
  families.Each("shards_min", "Lowest number of shards.", kGauge,
                [](const WriteStats& queue) { return queue.shards_min; });
  families.Each("shards_max", "Highest number of shards.", kGauge,
                [](const WriteStats& queue) { return queue.shards_max; });
  families.Each("shards_desired", "Shards that would keep up with what comes in.", kGauge,
                [](const WriteStats& queue) { return queue.shards_desired; });
  families.Each("shard_capacity", "Samples that may wait in one shard.", kGauge,
                [](const WriteStats& queue) { return queue.shard_capacity; });
  families.Each("max_samples_per_send", "Samples in one request, at most.", kGauge,
                [](const WriteStats& queue) { return queue.max_samples_per_send; });
  families.Each("enqueue_retries_total", "Times that the log had to wait for a full shard.",
                MetricType::kCounter,
                [](const WriteStats& queue) { return queue.enqueue_retries; });
}

void WriteTrafficFamilies(Families& families) {
  constexpr MetricType kCounter = MetricType::kCounter;
  constexpr MetricType kGauge = MetricType::kGauge;
  families.Each("bytes_total", "Bytes of the requests that were taken, compressed.", kCounter,
                [](const WriteStats& queue) { return queue.bytes; });
  families.Each("metadata_total", "Metadata sent, by 1.0.", kCounter,
                [](const WriteStats& queue) { return queue.metadata_sent; });
  families.Each("metadata_failed_total", "Metadata that the receiver refused.", kCounter,
                [](const WriteStats& queue) { return queue.metadata_failed; });
  families.Each("metadata_retried_total", "Metadata sent again.", kCounter,
                [](const WriteStats& queue) { return queue.metadata_retried; });
  families.Each("metadata_bytes_total", "Bytes of metadata that were taken, compressed.", kCounter,
                [](const WriteStats& queue) { return queue.metadata_bytes; });
  families.Each(
      "queue_highest_timestamp_seconds", "Newest sample that came out of the log.", kGauge,
      [](const WriteStats& queue) { return static_cast<double>(queue.highest_read_ms) / 1000; });
  families.Each(
      "queue_highest_sent_timestamp_seconds", "Newest sample that was taken.", kGauge,
      [](const WriteStats& queue) { return static_cast<double>(queue.highest_sent_ms) / 1000; });
}

// What all queues have in common: what storage took in.
void WriteIn(exposition::TextWriter& text, const tsdb::HeadStats& head) {
  constexpr std::string_view kSamples = "prometheus_remote_storage_samples_in_total";
  text.Family(kSamples, "Samples that storage took, and that are to be sent.",
              MetricType::kCounter);
  text.Sample(kSamples, static_cast<double>(head.samples_appended - head.histograms_appended));
  constexpr std::string_view kHistograms = "prometheus_remote_storage_histograms_in_total";
  text.Family(kHistograms, "Native histograms that storage took.", MetricType::kCounter);
  text.Sample(kHistograms, static_cast<double>(head.histograms_appended));
  constexpr std::string_view kHighest = "prometheus_remote_storage_highest_timestamp_in_seconds";
  if (head.min_time > head.max_time) return;
  text.Family(kHighest, "Newest sample that storage took.", MetricType::kGauge);
  text.Sample(kHighest, static_cast<double>(head.max_time) / 1000);
}

void WriteLogFamilies(exposition::TextWriter& text, const std::vector<WriteStats>& queues) {
  constexpr std::string_view kSegment = "prometheus_wal_watcher_current_segment";
  text.Family(kSegment, "Segment of the write-ahead log that is read to be sent.",
              MetricType::kGauge);
  for (const WriteStats& queue : queues)
    text.Sample(kSegment, {{"consumer", queue.name}}, static_cast<double>(queue.log_segment));
  constexpr std::string_view kLost = "slurmscope_remote_write_lost_segments_total";
  text.Family(kLost, "Segments of the write-ahead log that were deleted before they were sent.",
              MetricType::kCounter);
  for (const WriteStats& queue : queues)
    text.Sample(kLost, {{"remote_name", queue.name}}, static_cast<double>(queue.lost_segments));
}

}  // namespace

void WriteRemoteMetrics(const std::vector<WriteStats>& queues, const tsdb::HeadStats& head,
                        std::string& out) {
  Families families(queues, out);
  WriteIn(families.text(), head);
  if (queues.empty()) return;
  families.ByKind("_total", "sent, with those sent again.", MetricType::kCounter,
                  &SentCounts::sent);
  families.ByKind("_failed_total", "refused by the receiver.", MetricType::kCounter,
                  &SentCounts::failed);
  families.ByKind("_retried_total", "sent again.", MetricType::kCounter, &SentCounts::retried);
  families.ByKind("_pending", "queued or on their way.", MetricType::kGauge, &SentCounts::pending);
  families.Dropped();
  families.Durations();
  WriteShardFamilies(families);
  WriteTrafficFamilies(families);
  WriteLogFamilies(families.text(), queues);
}

}  // namespace slurmscope::api
