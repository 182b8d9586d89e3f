#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace slurmscope::app {

// What `slurmscope serve` was told: Prometheus' flags under their names, and ours under --ui.*.
// Names of --enable-feature.
inline constexpr std::string_view kStartTimes = "created-timestamp-zero-ingestion";
inline constexpr std::string_view kDeltasAddedUp = "otlp-deltatocumulative";
inline constexpr std::string_view kDeltasAsTheyAre = "otlp-native-delta-ingestion";

struct ServeFlags {
  std::string config_file = "prometheus.yml";
  std::vector<std::string> listen_addresses = {"127.0.0.1:9090"};
  std::string external_url;
  int64_t read_timeout_ms = 5 * 60 * 1000;
  uint64_t max_connections = 512;
  uint64_t max_connections_per_client = 0;  // 0: half of them, no limit for this machine
  uint64_t max_requests_per_client = 0;     // likewise
  std::string web_config_file;
  bool insecure = false;     // open addresses without TLS and users are meant
  std::string cors_origin;   // regular expression; empty: none
  std::string route_prefix;  // "/a/b"; empty: none
  size_t max_notification_subscribers = 16;
  bool enable_lifecycle = false;
  bool auto_reload = false;
  int64_t auto_reload_interval_ms = 30'000;
  bool enable_admin_api = false;
  bool enable_write_receiver = false;
  bool accept_write_v1 = true;
  bool accept_write_v2 = false;
  bool enable_otlp_receiver = false;
  int64_t flush_deadline_ms = 60'000;
  uint64_t read_sample_limit = 50'000'000;
  size_t read_concurrent_limit = 10;
  size_t read_max_frame_bytes = 1 << 20;

  std::string tsdb_path = "data/";
  uint64_t wal_segment_bytes = 128ull << 20;
  bool wal_compression = true;
  bool wal_zstd = false;  // else snappy
  bool no_lockfile = false;
  int64_t retention_ms = 0;  // 0 in both: what the configuration says, or 15d
  uint64_t retention_bytes = 0;
  int64_t min_block_ms = 2 * 60 * 60 * 1000;
  int64_t max_block_ms = 0;
  int64_t block_reload_ms = 15 * 1000;

  int64_t lookback_ms = 5 * 60 * 1000;
  int64_t query_timeout_ms = 2 * 60 * 1000;
  int query_max_concurrency = 20;
  int64_t query_max_samples = 50'000'000;
  uint64_t query_max_bytes = 1ull << 30;  // 0: no limit
  std::vector<std::string> features;

  int64_t rules_outage_tolerance_ms = 60 * 60 * 1000;
  int64_t rules_grace_period_ms = 10 * 60 * 1000;
  int64_t rules_resend_delay_ms = 60 * 1000;
  int rules_max_concurrent = 4;
  size_t notify_queue_capacity = 10'000;
  size_t notify_batch_size = 256;
  bool notify_drain = true;

  std::string ui_listen_address = "127.0.0.1:3000";  // empty: no UI
  std::string ui_state_path = "slurmscope-ui/";
  std::string ui_dashboards_path;  // empty: no provisioned dashboards
  bool ui_optional = false;        // without its port the server starts all the same

  base::LogLevel log_level = base::LogLevel::kInfo;
  std::string log_format = "logfmt";

  bool Enabled(std::string_view feature) const {
    return std::find(features.begin(), features.end(), feature) != features.end();
  }

  std::map<std::string, std::string> all;  // every flag and its value, for /api/v1/status/flags
  std::vector<std::string> notes;          // flags that were taken but have no effect, and why
};

struct ServeFlagsOutcome {
  bool exit = false;  // --help or --version was answered, or the flags are wrong
  int exit_code = 0;
  ServeFlags flags;
};

// Reads the arguments; prints help, version and errors itself. `as_prometheus`: the program runs
// under that name, in the place of Prometheus: beside a Grafana that may have the UI's port, and
// with no directory to write to but that of the data.
ServeFlagsOutcome ParseServeFlags(const std::vector<std::string>& args, bool as_prometheus = false);

}  // namespace slurmscope::app
