#include "api/self_metrics.h"

#include <limits>

#include "api/metrics_page.h"
#include "api/remote_metrics.h"
#include "api/rule_metrics.h"
#include "api/scrape_metrics.h"
#include "base/process_stats.h"
#include "base/version.h"
#include "exposition/text_writer.h"
#include "tsdb/exemplar_store.h"

namespace slurmscope::api {
namespace {

using model::MetricType;
using Page = MetricsPage;

void WriteBuild(Page& page) {
  constexpr std::string_view kName = "prometheus_build_info";
  page.text().Family(kName, "The build of this server, as labels; always 1.", MetricType::kGauge);
  page.text().Sample(kName,
                     {{"application", "slurmscope"},
                      {"branch", base::Branch()},
                      {"revision", base::Revision()},
                      {"version", base::Version()}},
                     1);
}

void WriteConfig(Page& page, const SelfMetricsSources& sources) {
  page.Gauge("prometheus_config_last_reload_successful",
             "Whether the last configuration reload went well.", sources.reload_ok ? 1 : 0);
  page.Gauge("prometheus_config_last_reload_success_timestamp_seconds",
             "Time of the last configuration reload that went well.",
             static_cast<double>(sources.last_reload_ms) / 1000);
}

void WriteEngine(Page& page, const promql::Engine& engine) {
  page.Gauge("prometheus_engine_queries", "Queries that run or wait now.", engine.active());
  page.Gauge("prometheus_engine_queries_concurrent_max", "Queries that may run at once.",
             engine.options().max_concurrency);
  page.Gauge("prometheus_engine_query_log_enabled", "Whether queries are logged to a file.",
             engine.log().enabled() ? 1 : 0);
  page.Counter("prometheus_engine_query_log_failures_total",
               "Queries that could not be written to the log.", engine.log().failures());
  constexpr std::string_view kDurations = "prometheus_engine_query_duration_seconds";
  static const std::vector<double> ranks = {0.5, 0.9, 0.99};
  page.text().Family(kDurations, "Durations of the parts of queries.", MetricType::kSummary);
  for (const promql::Engine::Slice& slice : engine.slices(ranks))
    page.Summary(kDurations, {{"slice", slice.name}}, ranks, slice.durations);
}

void WriteByType(Page& page, std::string_view name, std::string_view help, uint64_t samples,
                 uint64_t histograms) {
  page.text().Family(name, help, MetricType::kCounter);
  page.text().Sample(name, {{"type", "float"}}, static_cast<double>(samples - histograms));
  page.text().Sample(name, {{"type", "histogram"}}, static_cast<double>(histograms));
}

double Seconds(const tsdb::HeadStats& head, int64_t time_ms) {
  return head.min_time <= head.max_time ? static_cast<double>(time_ms) / 1000 : 0;
}

void WriteStorage(Page& page, const tsdb::HeadStats& head) {
  page.Gauge("prometheus_tsdb_head_series", "Series in the head.", head.series);
  page.Counter("prometheus_tsdb_head_series_created_total",
               "Series created in the head since start.", head.series_created);
  page.Counter("prometheus_tsdb_head_series_removed_total",
               "Series removed from the head since start.", head.series_removed);
  page.Gauge("prometheus_tsdb_head_chunks", "Chunks in the head.", head.chunks);
  if (head.series > 0 && head.min_time <= head.max_time) {
    page.Gauge("prometheus_tsdb_head_min_time",
               "Time of the oldest sample in the head, in milliseconds.", head.min_time);
    page.Gauge("prometheus_tsdb_head_max_time",
               "Time of the newest sample in the head, in milliseconds.", head.max_time);
  }
  page.Gauge("prometheus_tsdb_head_min_time_seconds",
             "Time of the oldest sample in the head, in seconds (0: there is none).",
             Seconds(head, head.min_time));
  page.Gauge("prometheus_tsdb_head_max_time_seconds",
             "Time of the newest sample in the head, in seconds (0: there is none).",
             Seconds(head, head.max_time));
  WriteByType(page, "prometheus_tsdb_head_samples_appended_total",
              "Samples appended to the head since start.", head.samples_appended,
              head.histograms_appended);
  WriteByType(page, "prometheus_tsdb_head_out_of_order_samples_appended_total",
              "Samples appended to the head since start that came out of order.", head.ooo_samples,
              head.ooo_histograms);
  WriteByType(page, "prometheus_tsdb_out_of_order_samples_total",
              "Samples refused because they were out of order.", head.out_of_order,
              head.out_of_order_histograms);
  WriteByType(page, "prometheus_tsdb_out_of_bound_samples_total",
              "Samples refused because they were too old.", head.out_of_bounds,
              head.out_of_bounds_histograms);
  WriteByType(page, "prometheus_tsdb_too_old_samples_total",
              "Samples refused because they were older than the window for samples out of order.",
              head.too_old, head.too_old_histograms);
  page.Gauge("prometheus_tsdb_out_of_order_wbl_storage_size_bytes",
             "Size of the log of samples out of order on disk.", head.wbl_bytes);
  page.Gauge("prometheus_tsdb_out_of_order_wbl_segment_current",
             "Segment of the log of samples out of order being written.", head.wbl_segment);
  page.Gauge("prometheus_tsdb_wal_storage_size_bytes", "Size of the write-ahead log on disk.",
             head.wal_bytes);
  page.Gauge("prometheus_tsdb_wal_segment_current", "Segment of the write-ahead log being written.",
             head.wal_segment);
  page.Counter("prometheus_tsdb_wal_corruptions_total", "Corruptions found in the write-ahead log.",
               head.wal_corruptions);
  page.Gauge("prometheus_tsdb_head_chunks_storage_size_bytes", "Size of chunks_head on disk.",
             head.head_chunk_bytes);
  page.Counter("prometheus_tsdb_mmap_chunk_corruptions_total", "Corruptions found in chunks_head.",
               head.head_chunk_corruptions);
  page.Counter("slurmscope_tsdb_wal_sync_failures_total", "Failed fsyncs of the write-ahead log.",
               head.wal_sync_failures);
  page.Gauge("slurmscope_tsdb_writable",
             "Whether the data directory takes writes (0: for example disk full).",
             head.writable ? 1 : 0);
  page.Counter("slurmscope_tsdb_write_failures_total",
               "Batches of samples that the write-ahead log did not take.", head.write_failures);
}

void WriteBlocks(Page& page, const tsdb::StorageStats& storage) {
  page.Gauge("prometheus_tsdb_blocks_loaded", "Blocks that are served.", storage.blocks);
  page.Gauge("prometheus_tsdb_storage_blocks_bytes", "Size of the blocks on disk.",
             storage.block_bytes);
  page.Gauge("slurmscope_tsdb_blocks_unreadable", "Blocks left out because they are damaged.",
             storage.unreadable.size());
  if (storage.lowest_time != std::numeric_limits<int64_t>::max()) {
    page.Gauge("prometheus_tsdb_lowest_timestamp",
               "Time of the oldest sample that is kept, in milliseconds.", storage.lowest_time);
    page.Gauge("prometheus_tsdb_lowest_timestamp_seconds",
               "Time of the oldest sample that is kept, in seconds.",
               static_cast<double>(storage.lowest_time) / 1000);
  }
  page.Counter("prometheus_tsdb_compactions_total", "Blocks written from the head or merged.",
               storage.compactions);
  page.Counter("prometheus_tsdb_compactions_failed_total", "Blocks that could not be written.",
               storage.compactions_failed);
  page.Counter("prometheus_tsdb_vertical_compactions_total", "Merges of blocks that overlapped.",
               storage.vertical_compactions);
  page.Counter("prometheus_tsdb_out_of_order_wbl_truncations_total",
               "Times that the log of samples out of order was shortened.",
               storage.wbl_truncations + storage.wbl_truncations_failed);
  page.Counter("prometheus_tsdb_out_of_order_wbl_truncations_failed_total",
               "Times that shortening the log of samples out of order failed.",
               storage.wbl_truncations_failed);
  page.Counter("prometheus_tsdb_head_truncations_total",
               "Times that old samples were taken out of the head.", storage.head_truncations);
  page.Counter("prometheus_tsdb_checkpoint_creations_total",
               "Checkpoints of the write-ahead log begun.",
               storage.checkpoints + storage.checkpoints_failed);
  page.Counter("prometheus_tsdb_checkpoint_creations_failed_total",
               "Checkpoints of the write-ahead log that failed.", storage.checkpoints_failed);
  page.Counter("prometheus_tsdb_time_retentions_total",
               "Times that blocks were deleted for their age.", storage.time_retentions);
  page.Counter("prometheus_tsdb_size_retentions_total",
               "Times that blocks were deleted because there was too much data.",
               storage.size_retentions);
}

void WriteUpkeep(Page& page, const SelfMetricsSources& sources, const tsdb::StorageStats& storage) {
  page.Counter("prometheus_tsdb_reloads_total", "Times that the blocks on disk were looked at.",
               storage.reloads);
  page.Counter("prometheus_tsdb_reloads_failures_total",
               "Times that the blocks on disk could not be looked at.", storage.reloads_failed);
  page.Gauge("prometheus_tsdb_clean_start",
             "Whether the run before came to its end (-1: the directory is not locked).",
             storage.clean_start);
  page.Gauge("prometheus_tsdb_retention_limit_bytes",
             "Size from which on the oldest blocks are deleted (0: none).",
             sources.retention_bytes);
  page.Gauge("prometheus_tsdb_retention_limit_seconds",
             "Age from which on blocks are deleted (0: none).",
             static_cast<double>(sources.retention_ms) / 1000);
  page.Gauge("prometheus_tsdb_data_replay_duration_seconds",
             "Time that reading the log took at the start.", sources.db.replay().seconds);
}

void WriteLog(Page& page, const SelfMetricsSources& sources, const tsdb::StorageStats& storage) {
  static const std::vector<double> ranks = {0.5, 0.9, 0.99};
  constexpr std::string_view kSyncs = "prometheus_tsdb_wal_fsync_duration_seconds";
  page.text().Family(kSyncs, "Durations of fsyncs of the write-ahead log.", MetricType::kSummary);
  page.Summary(kSyncs, {}, ranks, sources.db.wal_syncs(ranks));
  page.Counter("prometheus_tsdb_wal_truncations_total",
               "Times that the beginning of the write-ahead log was to be taken off.",
               storage.checkpoints + storage.checkpoints_failed);
  page.Counter("prometheus_tsdb_wal_truncations_failed_total",
               "Times that the beginning of the write-ahead log could not be taken off.",
               storage.checkpoints_failed);
  page.Counter("prometheus_tsdb_wal_writes_failed_total",
               "Batches of samples that the write-ahead log did not take.",
               sources.db.head_stats().write_failures);
}

void WriteExemplars(Page& page, const tsdb::ExemplarStore* store) {
  const tsdb::ExemplarStats stats = store == nullptr ? tsdb::ExemplarStats() : store->stats();
  page.Counter("prometheus_tsdb_exemplar_exemplars_appended_total", "Exemplars stored.",
               stats.appended);
  page.Gauge("prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars that are there.",
             stats.stored);
  page.Gauge("prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
             "Series that have exemplars.", stats.series);
  page.Gauge("prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
             "Time of the oldest exemplar that is there.",
             static_cast<double>(stats.oldest_time) / 1000);
  page.Gauge("prometheus_tsdb_exemplar_max_exemplars", "Exemplars that there is room for.",
             stats.capacity);
  page.Counter("prometheus_tsdb_exemplar_out_of_order_exemplars_total",
               "Exemplars refused because they were out of order.", stats.out_of_order);
}

void WriteWeb(Page& page, const SelfMetricsSources& sources) {
  page.Gauge("prometheus_ready", "Whether the server is ready.", 1);
  page.Counter("prometheus_web_federation_errors_total", "Answers of /federate that failed.",
               sources.federation_errors);
  page.Counter("prometheus_web_federation_warnings_total", "Warnings while answering /federate.",
               0);
  const NotificationStats& stats = sources.notifications;
  page.Gauge("prometheus_api_notification_active_subscribers",
             "Clients that follow the notifications.", stats.subscribers);
  page.Counter("prometheus_api_notification_updates_sent_total",
               "Notifications told to those who follow them.", stats.sent);
  page.Counter("prometheus_api_notification_updates_dropped_total",
               "Notifications that a client was too slow for.", stats.dropped);
}

void WriteReceiver(Page& page, const remote::ReceiverStats& stats) {
  page.Counter("slurmscope_remote_write_requests_total", "Remote write requests received.",
               stats.requests);
  page.Counter("slurmscope_remote_write_samples_total", "Samples taken by remote write.",
               stats.samples);
  page.Counter("slurmscope_remote_write_histograms_total",
               "Native histograms taken by remote write.", stats.histograms);
  page.Counter("slurmscope_remote_write_exemplars_total", "Exemplars taken by remote write.",
               stats.exemplars);
  page.Counter("slurmscope_remote_write_refused_samples_total",
               "Samples and histograms of remote write that storage refused.", stats.refused);
  page.Counter("prometheus_api_remote_write_invalid_labels_samples_total",
               "Series of remote write whose labels are none.", stats.invalid_labels);
}

void WriteOtlp(Page& page, const remote::OtlpStats& stats) {
  page.Counter("slurmscope_otlp_requests_total", "OTLP requests received.", stats.requests);
  page.Counter("slurmscope_otlp_samples_total", "Samples taken by OTLP.", stats.samples);
  page.Counter("slurmscope_otlp_histograms_total", "Native histograms taken by OTLP.",
               stats.histograms);
  page.Counter("slurmscope_otlp_exemplars_total", "Exemplars taken by OTLP.", stats.exemplars);
  page.Counter("slurmscope_otlp_rejected_points_total",
               "Data points of OTLP that could not be taken.", stats.rejected);
}

void WriteProcess(Page& page) {
  base::ProcessStats process = base::ReadProcessStats();
  page.Counter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
               process.cpu_seconds);
  page.Gauge("process_max_fds", "Limit of open file descriptors.", process.max_fds);
  page.Gauge("process_open_fds", "Open file descriptors.", process.open_fds);
  page.Gauge("process_resident_memory_bytes", "Resident memory in bytes.", process.resident_bytes);
  page.Gauge("process_start_time_seconds", "Start time since the epoch in seconds.",
             process.start_time_seconds);
  page.Gauge("process_virtual_memory_bytes", "Virtual memory in bytes.", process.virtual_bytes);
  page.Gauge("process_virtual_memory_max_bytes",
             "Limit of virtual memory in bytes (2^64 - 1: none).", process.max_virtual_bytes);
}

}  // namespace

std::string WriteSelfMetrics(const SelfMetricsSources& sources) {
  std::string out;
  Page page(out);
  WriteBuild(page);
  WriteConfig(page, sources);
  WriteEngine(page, sources.engine);
  WriteStorage(page, sources.db.head_stats());
  const tsdb::StorageStats storage = sources.db.storage_stats();
  WriteBlocks(page, storage);
  WriteUpkeep(page, sources, storage);
  WriteLog(page, sources, storage);
  WriteExemplars(page, sources.db.exemplars());
  WriteWeb(page, sources);
  WriteScrapeMetrics(sources.scrape.stats(), out);
  if (sources.write_receiver != nullptr) WriteReceiver(page, sources.write_receiver->stats());
  if (sources.otlp != nullptr) WriteOtlp(page, sources.otlp->stats());
  if (sources.remote_write != nullptr)
    WriteRemoteMetrics(sources.remote_write->stats(), sources.db.head_stats(), out);
  notify::NotifyStats notify;
  if (sources.notify != nullptr) notify = sources.notify->stats();
  WriteDiscoveryMetrics(sources.discovery, notify.discovery, out);
  if (sources.rules != nullptr) WriteRuleMetrics(*sources.rules, out);
  if (sources.notify != nullptr) WriteNotifyMetrics(notify, out);
  sources.http.Write(out);
  WriteProcess(page);
  return out;
}

}  // namespace slurmscope::api
