#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/discovery.h"
#include "config/http_client.h"
#include "config/relabel.h"
#include "config/remote.h"

namespace slurmscope::config {

using base::Result;

// Targets that share labels; what every kind of discovery delivers.
struct TargetGroup {
  std::vector<std::string> targets;  // "host:port"
  std::map<std::string, std::string> labels;
  std::string source;  // unique within a discovery, e.g. "/etc/x.yml:0"
};

struct FileSdConfig {
  std::vector<std::string>
      files;  // globs, made absolute against the configuration file's directory
  int64_t refresh_interval_ms = 5 * 60 * 1000;
};

// How a page may be written, by its names in scrape_protocols.
enum class ScrapeProtocol {
  kPrometheusProto,
  kPrometheusText004,
  kPrometheusText100,
  kOpenMetricsText001,
  kOpenMetricsText100,
};

// What a job asks its targets for and how their names are taken; `global` has the defaults.
struct NegotiationConfig {
  std::vector<ScrapeProtocol> protocols = {  // the one liked best first
      ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
      ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004};
  bool protocols_given = false;            // by the configuration, and not by default
  std::optional<ScrapeProtocol> fallback;  // for pages of no type or of an unknown one
  bool utf8_names = true;                  // false: a page with other names than the old ones fails
  std::string escaping = "allow-utf-8";    // what targets are asked to do with such names
  bool native_histograms = false;          // taken where a page has them
  bool always_classic_histograms = false;  // series of buckets, even so
  bool convert_to_nhcb = false;            // series of buckets become a native histogram
  bool extra_metrics = false;  // scrape_timeout_seconds, _sample_limit and _body_size_bytes
};

// Where targets come from and how they are scraped, and what is made of them.
struct ScrapeConfig {
  std::string job_name;
  int64_t scrape_interval_ms = 0;  // after loading never 0: the global value is filled in
  int64_t scrape_timeout_ms = 0;
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  std::map<std::string, std::vector<std::string>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  HttpClientConfig http;
  NegotiationConfig negotiation;
  uint64_t body_size_limit = 0;  // bytes; 0: none. The limits below likewise.
  uint64_t sample_limit = 0;
  uint64_t target_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  std::vector<RelabelConfig> relabel_configs;
  std::vector<RelabelConfig> metric_relabel_configs;
  std::vector<TargetGroup> static_configs;
  std::vector<FileSdConfig> file_sd_configs;
  SdConfigs sd;
  uint64_t keep_dropped_targets = 0;  // how many to remember; 0: as many as there is room for
  uint64_t native_histogram_bucket_limit = 0;     // 0: none
  double native_histogram_min_bucket_factor = 0;  // 0: none
  std::string scrape_failure_log_file;            // empty: none
  std::string text;                               // as /api/v1/scrape_pools/config shows it
};

// Alertmanagers that alerts are told to.
struct AlertmanagerConfig {
  std::string scheme = "http";
  std::string path_prefix = "/";
  int64_t timeout_ms = 10'000;
  HttpClientConfig http;
  std::vector<RelabelConfig> relabel_configs;        // of the Alertmanagers found
  std::vector<RelabelConfig> alert_relabel_configs;  // of the alerts
  std::vector<TargetGroup> static_configs;
  std::vector<FileSdConfig> file_sd_configs;
  SdConfigs sd;
};
struct AlertingConfig {
  std::vector<RelabelConfig> alert_relabel_configs;
  std::vector<AlertmanagerConfig> alertmanagers;
};

struct GlobalConfig {
  int64_t scrape_interval_ms = 60'000;
  int64_t scrape_timeout_ms = 10'000;
  int64_t evaluation_interval_ms = 60'000;
  int64_t rule_query_offset_ms = 0;
  std::map<std::string, std::string> external_labels;
  std::string query_log_file;
  std::string scrape_failure_log_file;
  NegotiationConfig negotiation;
};

// storage.tsdb.retention of the file; flags of the program may say otherwise. 0: not given.
struct StorageConfig {
  uint64_t max_exemplars = 100'000;  // storage.exemplars; kept with feature exemplar-storage
  int64_t retention_time_ms = 0;
  uint64_t retention_size = 0;         // bytes
  int64_t out_of_order_window_ms = 0;  // storage.tsdb.out_of_order_time_window
};

// prometheus.yml, checked and with defaults filled in.
struct PrometheusConfig {
  GlobalConfig global;
  StorageConfig storage;
  std::vector<std::string> rule_files;  // globs, absolute
  std::vector<std::string>
      scrape_config_files;  // globs, absolute; their jobs are in scrape_configs
  AlertingConfig alerting;
  std::vector<ScrapeConfig> scrape_configs;
  std::vector<RemoteWriteConfig> remote_write;
  std::vector<RemoteReadConfig> remote_read;
  OtlpConfig otlp;
  std::string text;  // the file's text as /api/v1/status/config shows it: without comments, secrets
                     // as <secret>
  std::vector<std::string> warnings;  // "file:line:column: ...", for the log
};

// Reads the file, at most 16 MiB of it. `x.yml` that is not there stands for `x.yaml` beside it and
// the other way round (a warning says so). All problems are reported at once, one a line:
// `prometheus.yml:12:5: scrape_configs[0].job_nme: unknown key, did you mean "job_name"?`. Unknown
// and duplicate keys are errors.
Result<PrometheusConfig> LoadPrometheusConfig(const std::string& path);
// The same from text; `path` names it in errors and is the base of relative globs.
Result<PrometheusConfig> ParsePrometheusConfig(std::string_view text, const std::string& path);

// A file_sd file, YAML or, if its name ends in .json, JSON: a list of {targets, labels}. Same form
// of errors. Targets are taken as they are: a bad one must not hide the good ones.
Result<std::vector<TargetGroup>> ParseTargetGroups(std::string_view text, const std::string& path);
// The same of JSON, as http_sd gives it; `name` stands for it in errors and sources.
Result<std::vector<TargetGroup>> ParseJsonTargetGroups(std::string_view text,
                                                       const std::string& name);

}  // namespace slurmscope::config
