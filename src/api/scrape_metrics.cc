#include "api/scrape_metrics.h"

#include "api/metrics_page.h"
#include "base/duration.h"

namespace slurmscope::api {
namespace {

using model::MetricType;
using scrape::PoolStats;
using scrape::ScrapeStats;

void WriteScrapes(MetricsPage& page, const ScrapeStats& stats) {
  page.Gauge("slurmscope_scrape_targets", "Targets being scraped.", stats.targets);
  page.Counter("slurmscope_scrapes_total", "Scrapes made.", stats.scrapes);
  page.Counter("slurmscope_scrapes_failed_total", "Scrapes that failed.", stats.scrapes_failed);
  page.Counter("slurmscope_scrapes_skipped_total",
               "Scrapes left out because the one before was still running.", stats.scrapes_skipped);
  page.Counter("slurmscope_scrape_samples_appended_total", "Samples taken from scrapes.",
               stats.samples_appended);
  page.Counter("prometheus_target_scrapes_sample_out_of_order_total",
               "Scraped samples refused because they were out of order.", stats.out_of_order);
  page.Counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
               "Scraped samples refused because another value has the same timestamp.",
               stats.duplicate_timestamp);
  page.Counter("prometheus_target_scrapes_sample_out_of_bounds_total",
               "Scraped samples refused because they were too old or too new.",
               stats.out_of_bounds);
  page.Counter("prometheus_target_scrapes_exemplar_out_of_order_total",
               "Scraped exemplars refused because they were out of order.",
               stats.exemplar_out_of_order);
  page.Counter("prometheus_target_scrapes_exceeded_sample_limit_total",
               "Scrapes that hit sample_limit and were dropped.", stats.exceeded_sample_limit);
  page.Counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
               "Scrapes that hit body_size_limit and were dropped.",
               stats.exceeded_body_size_limit);
  page.Counter("prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
               "Scrapes that hit native_histogram_bucket_limit and were dropped.",
               stats.exceeded_bucket_limit);
  page.Counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
               "Times that a pool hit target_limit.", stats.exceeded_target_limit);
  page.Counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
               "Scrapes that hit one of the label limits.", stats.exceeded_label_limits);
  page.Gauge("slurmscope_scrape_cache_entries", "Series remembered from the last scrapes.",
             stats.cache_entries);
  page.Gauge("slurmscope_scrape_metadata_entries", "Metric families whose metadata is remembered.",
             stats.metadata_entries);
}

template <typename Value>
void PerJob(MetricsPage& page, const ScrapeStats& stats, std::string_view name,
            std::string_view help, MetricType type, const Value& value) {
  page.text().Family(name, help, type);
  for (const PoolStats& pool : stats.by_job)
    page.text().Sample(name, {{"scrape_job", pool.job}}, static_cast<double>(value(pool)));
}

void WritePools(MetricsPage& page, const ScrapeStats& stats) {
  constexpr MetricType kGauge = MetricType::kGauge;
  constexpr MetricType kCounter = MetricType::kCounter;
  page.Gauge("prometheus_target_scrape_pools", "Scrape pools (one for each scrape job).",
             stats.pools);
  page.Counter("prometheus_target_scrape_pools_total", "Scrape pools made since start.",
               stats.pools_made);
  page.Counter("prometheus_target_scrape_pools_failed_total",
               "Scrape pools that could not be made.", 0);
  uint64_t reloads = 0;
  for (const PoolStats& pool : stats.by_job) reloads += pool.reloads;
  page.Counter("prometheus_target_scrape_pool_reloads_total",
               "Times that a pool got other settings.", reloads);
  page.Counter("prometheus_target_scrape_pool_reloads_failed_total",
               "Times that a pool could not take other settings.", 0);
  PerJob(page, stats, "prometheus_target_scrape_pool_targets", "Targets of a pool.", kGauge,
         [](const PoolStats& pool) { return pool.targets; });
  PerJob(page, stats, "prometheus_target_scrape_pool_target_limit",
         "Most targets of a pool (0: no limit).", kGauge,
         [](const PoolStats& pool) { return pool.target_limit; });
  PerJob(page, stats, "prometheus_target_scrape_pool_sync_total",
         "Times that a pool took in what discovery found.", kCounter,
         [](const PoolStats& pool) { return pool.sync_lengths.count; });
  PerJob(page, stats, "prometheus_target_sync_failed_total",
         "Targets that could not be made of what discovery found.", kCounter,
         [](const PoolStats& pool) { return pool.sync_failed; });
  PerJob(page, stats, "prometheus_target_metadata_cache_entries",
         "Metric families whose metadata is remembered.", kGauge,
         [](const PoolStats& pool) { return pool.metadata_entries; });
  PerJob(page, stats, "prometheus_target_metadata_cache_bytes",
         "Bytes of metadata that is remembered.", kGauge,
         [](const PoolStats& pool) { return pool.metadata_bytes; });
}

void WriteDurations(MetricsPage& page, const ScrapeStats& stats) {
  constexpr std::string_view kSync = "prometheus_target_sync_length_seconds";
  page.text().Family(kSync, "Time to take in what discovery found.", MetricType::kSummary);
  for (const PoolStats& pool : stats.by_job)
    page.Summary(kSync, {{"scrape_job", pool.job}}, scrape::ScrapeRanks(), pool.sync_lengths);
  constexpr std::string_view kInterval = "prometheus_target_interval_length_seconds";
  page.text().Family(kInterval, "Time that really passed between scrapes.", MetricType::kSummary);
  for (const auto& each : stats.intervals) {
    const std::string interval = base::FormatDurationMs(each.interval_ms);
    page.Summary(kInterval, {{"interval", interval}}, scrape::ScrapeRanks(), each.lengths);
  }
}

void WriteRefreshes(MetricsPage& page, const discovery::DiscoveryStats& scrape,
                    const discovery::DiscoveryStats& notify) {
  auto write = [&](std::string_view name, std::string_view help, MetricType type,
                   const auto& write_each) {
    page.text().Family(name, help, type);
    for (const discovery::DiscoveryStats* stats : {&scrape, &notify}) {
      for (const discovery::RefreshStats& each : stats->refreshes) write_each(each);
    }
  };
  constexpr std::string_view kFailures = "prometheus_sd_refresh_failures_total";
  write(kFailures, "Times that targets could not be asked for.", MetricType::kCounter,
        [&](const discovery::RefreshStats& each) {
          page.text().Sample(kFailures, {{"config", each.job}, {"mechanism", each.mechanism}},
                             static_cast<double>(each.failures));
        });
  write("prometheus_sd_refresh_duration_seconds", "Time that asking for targets took.",
        MetricType::kSummary, [&](const discovery::RefreshStats& each) {
          page.Summary("prometheus_sd_refresh_duration_seconds",
                       {{"config", each.job}, {"mechanism", each.mechanism}},
                       discovery::RefreshRanks(), each.durations);
        });
}

}  // namespace

void WriteScrapeMetrics(const ScrapeStats& stats, std::string& out) {
  MetricsPage page(out);
  WriteScrapes(page, stats);
  WritePools(page, stats);
  WriteDurations(page, stats);
}

void WriteDiscoveryMetrics(const discovery::DiscoveryStats& scrape,
                           const discovery::DiscoveryStats& notify, std::string& out) {
  MetricsPage page(out);
  constexpr std::string_view kTargets = "prometheus_sd_discovered_targets";
  page.text().Family(kTargets, "Targets found now, by scrape job or Alertmanagers' entry.",
                     MetricType::kGauge);
  for (auto [name, stats] : {std::pair("scrape", &scrape), {"notify", &notify}}) {
    for (const auto& [job, count] : stats->discovered_targets)
      page.text().Sample(kTargets, {{"config", job}, {"name", name}}, static_cast<double>(count));
  }
  auto per_manager = [&](std::string_view name, std::string_view help, MetricType type,
                         uint64_t of_scrape, uint64_t of_notify) {
    page.text().Family(name, help, type);
    page.text().Sample(name, {{"name", "scrape"}}, static_cast<double>(of_scrape));
    page.text().Sample(name, {{"name", "notify"}}, static_cast<double>(of_notify));
  };
  per_manager("prometheus_sd_received_updates_total", "Changes of what was found.",
              MetricType::kCounter, scrape.changes, notify.changes);
  per_manager("prometheus_sd_updates_total", "Changes that were passed on.", MetricType::kCounter,
              scrape.updates, notify.updates);
  per_manager("prometheus_sd_failed_configs", "Entries of discovery that could not be started.",
              MetricType::kGauge, 0, 0);
  page.Counter("prometheus_sd_file_read_errors_total",
               "File discovery files that could not be read.",
               scrape.file_read_errors + notify.file_read_errors);
  page.Counter("prometheus_sd_http_failures_total", "HTTP discovery requests that failed.",
               scrape.http_failures + notify.http_failures);
  page.Counter("prometheus_sd_dns_lookups_total", "Names asked for by DNS discovery.",
               scrape.dns_lookups + notify.dns_lookups);
  page.Counter("prometheus_sd_dns_lookup_failures_total",
               "Names that DNS discovery got no answer for.",
               scrape.dns_failures + notify.dns_failures);
  page.Counter("prometheus_sd_consul_rpc_failures_total", "Requests to Consul that failed.",
               scrape.consul_failures + notify.consul_failures);
  WriteRefreshes(page, scrape, notify);
}

}  // namespace slurmscope::api
