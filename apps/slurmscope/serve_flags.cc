#include "serve_flags.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>

#include "base/duration.h"
#include "base/strings.h"
#include "base/version.h"
#include "foreign_flags.h"

namespace slurmscope::app {
namespace {

using base::Result;
using base::StrCat;

const std::set<std::string, std::less<>> kFeatures = {
    "promql-experimental-functions", "promql-extended-range-selectors",
    "promql-delayed-name-removal", "promql-binop-fill-modifiers", "exemplar-storage",
    "metadata-wal-records", "concurrent-rule-eval", "created-timestamp-zero-ingestion",
    "auto-reload-config", "extra-scrape-metrics", "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    // Always on.
    "native-histograms", "promql-per-step-stats", "promql-at-modifier", "promql-negative-offset",
    "promql-duration-expr"};

constexpr const char* kFooter = R"(
9090 and 3000 listen on 127.0.0.1 unless an address is given. Another address for 9090 wants a --web.config.file with
TLS and users (docs/operations.md), or --web.insecure.
The administrator's first password for the web UI comes from GRAFANA_ADMIN_PASSWORD, or is generated, printed once,
and kept in admin-password below --ui.state-path.
SIGHUP reads the configuration again; a broken file leaves the running one in place.
Exit codes: 0 stopped when asked to, 1 wrong flags, configuration, port or data directory, 2 the API would be open to
the network.)";

Result<int64_t> ParsePositiveDurationMs(std::string_view text) {
  int64_t milliseconds = TRY(base::ParseDurationMs(text));
  if (milliseconds <= 0)
    return base::Fail(base::ErrorCode::kInvalidArgument, "must be longer than 0");
  return milliseconds;
}

// Smaller segments would be many files, larger ones slow to check.
Result<uint64_t> ParseSegmentBytes(std::string_view text) {
  uint64_t bytes = TRY(base::ParseBytes(text));
  if (bytes < (1ull << 20) || bytes > (256ull << 20)) {
    return base::Fail(base::ErrorCode::kInvalidArgument, "must be between 1MB and 256MB");
  }
  return bytes;
}

Result<int64_t> ParseReloadMs(std::string_view text) {
  int64_t ms = TRY(base::ParseDurationMs(text));
  if (ms >= 1000) return ms;
  return base::Fail(base::ErrorCode::kInvalidArgument, "must be 1s at least");
}

// CLI11 converts by type; durations, sizes and levels are ours.
template <typename T, typename Parse>
void AddParsed(CLI::App& app, const std::string& name, T& target, Parse parse,
               const std::string& help, const std::string& default_text) {
  app.add_option_function<std::string>(
         "--" + name,
         [&target, parse, name](const std::string& text) {
           auto value = parse(text);
           if (!value) throw CLI::ValidationError("--" + name, value.error().message());
           target = *value;
         },
         help)
      ->default_str(default_text);
}

void AddSwitch(CLI::App& app, const std::string& name, bool& target, const std::string& help) {
  app.add_flag(StrCat("--", name, ",!--no-", name), target, help);
}

void AddStorageFlags(CLI::App& app, ServeFlags& flags) {
  const std::string group = "Storage";
  app.option_defaults()->group(group);
  app.add_option("--storage.tsdb.path", flags.tsdb_path, "Data directory")->capture_default_str();
  AddParsed(app, "storage.tsdb.retention.time", flags.retention_ms, base::ParseDurationMs,
            "How long to keep samples (0: as the configuration says, or 15d when there is no size "
            "either)",
            "0s");
  AddParsed(app, "storage.tsdb.retention.size", flags.retention_bytes, base::ParseBytes,
            "Size of log and blocks from which on the oldest blocks are deleted (0: none)", "0");
  AddParsed(app, "storage.tsdb.min-block-duration", flags.min_block_ms, base::ParseDurationMs,
            "Time that a block holds before it is merged with others", "2h");
  AddParsed(app, "storage.tsdb.max-block-duration", flags.max_block_ms, base::ParseDurationMs,
            "Longest time that a block may hold (0: a tenth of the retention, at most 31d)", "0s");
  AddParsed(app, "storage.tsdb.block-reload-interval", flags.block_reload_ms, ParseReloadMs,
            "How often to look for blocks to write, merge, delete or take from the directory",
            "15s");
  AddSwitch(app, "storage.tsdb.no-lockfile", flags.no_lockfile, "Do not lock the data directory");
  AddParsed(app, "storage.tsdb.wal-segment-size", flags.wal_segment_bytes, ParseSegmentBytes,
            "Size of a segment of the write-ahead log", "128MB");
  AddSwitch(app, "storage.tsdb.wal-compression", flags.wal_compression,
            "Compress the write-ahead log");
  app.add_option_function<std::string>(
         "--storage.tsdb.wal-compression-type",
         [&flags](const std::string& type) { flags.wal_zstd = type == "zstd"; },
         "Compression of the write-ahead log; a Prometheus before 2.48 cannot read zstd")
      ->check(CLI::IsMember({"snappy", "zstd"}))
      ->default_str("snappy");
}

void AddWebFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("Network");
  app.add_option("--web.listen-address", flags.listen_addresses, "Address of the API (repeatable)")
      ->capture_default_str();
  app.add_option("--web.config.file", flags.web_config_file,
                 "TLS, users and headers, in Prometheus' format; read again when it changes");
  AddSwitch(app, "web.insecure", flags.insecure,
            "Serve the API on open addresses without TLS and users");
  app.add_option("--web.external-url", flags.external_url,
                 "URL under which users reach port 9090, e.g. behind a proxy");
  app.add_option("--web.route-prefix", flags.route_prefix,
                 "Path that all of port 9090 lies below (default: that of --web.external-url)");
  app.add_option("--web.cors.origin", flags.cors_origin,
                 "Origins whose pages may read the API: a regular expression, e.g. "
                 "'https?://(a|b)\\.example' (default: none)");
  AddParsed(app, "web.read-timeout", flags.read_timeout_ms, ParsePositiveDurationMs,
            "Longest time to read a request, and an idle connection stays open", "5m");
  app.add_option("--web.max-connections", flags.max_connections, "Most connections at once")
      ->check(CLI::Range(uint64_t{1}, uint64_t{100'000}))
      ->capture_default_str();
  app.add_option("--web.max-connections-per-client", flags.max_connections_per_client,
                 "Most connections of one address (0: half of all, none for this machine)")
      ->check(CLI::Range(uint64_t{0}, uint64_t{100'000}))
      ->capture_default_str();
  app.add_option("--web.max-requests-per-client", flags.max_requests_per_client,
                 "Most requests of one address under way, queries among them (0: 256, no limit for "
                 "this machine)")
      ->check(CLI::Range(uint64_t{0}, uint64_t{100'000}))
      ->capture_default_str();
  app.add_option("--web.max-notifications-subscribers", flags.max_notification_subscribers,
                 "Most clients that follow /api/v1/notifications/live")
      ->check(CLI::Range(size_t{0}, size_t{10'000}))
      ->capture_default_str();
  AddSwitch(app, "web.enable-lifecycle", flags.enable_lifecycle,
            "Take reload and shutdown by HTTP");
  AddSwitch(app, "web.enable-admin-api", flags.enable_admin_api,
            "Delete series and make snapshots by HTTP (/api/v1/admin/tsdb)");
  app.option_defaults()->group("Web UI");
  app.add_option("--ui.listen-address", flags.ui_listen_address,
                 "Address of the web UI; empty: none")
      ->capture_default_str();
  app.add_option("--ui.state-path", flags.ui_state_path,
                 "Directory of users, sessions and dashboards")
      ->capture_default_str();
  app.add_option("--ui.dashboards-path", flags.ui_dashboards_path,
                 "Directory of dashboards (*.json, Grafana's format) to provision");
}

void AddQueryFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("Queries");
  AddParsed(app, "query.lookback-delta", flags.lookback_ms, ParsePositiveDurationMs,
            "How old the newest sample of a series may be", "5m");
  AddParsed(app, "query.timeout", flags.query_timeout_ms, ParsePositiveDurationMs,
            "Longest time for a query", "2m");
  app.add_option("--query.max-concurrency", flags.query_max_concurrency, "Queries that run at once")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--query.max-samples", flags.query_max_samples,
                 "Samples that one query may hold in memory")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddParsed(app, "query.max-memory", flags.query_max_bytes, base::ParseBytes,
            "Memory that one query may take for samples and series (0: no limit)", "1GB");
  app.add_option_function<std::vector<std::string>>(
         "--enable-feature",
         [&flags](const std::vector<std::string>& lists) {
           for (const std::string& list : lists) {
             for (std::string_view name : base::Split(list, ',')) {
               flags.features.emplace_back(name);
               if (!kFeatures.contains(name)) {
                 flags.notes.push_back(StrCat("--enable-feature=", name, ": not in this version"));
               }
             }
           }
           if (flags.Enabled(kDeltasAddedUp) && flags.Enabled(kDeltasAsTheyAre)) {
             throw CLI::ValidationError(
                 "--enable-feature",
                 StrCat(kDeltasAddedUp, " and ", kDeltasAsTheyAre, " exclude each other"));
           }
         },
         "Features to switch on, separated by commas (repeatable)")
      ->delimiter('\0');
}

// "prometheus.WriteRequest,io.prometheus.write.v2.Request", given once or more often.
std::string SetWriteMessages(const std::vector<std::string>& lists, ServeFlags* flags) {
  flags->accept_write_v1 = false;
  flags->accept_write_v2 = false;
  for (const std::string& list : lists) {
    for (std::string_view name : base::Split(list, ',')) {
      if (name == "prometheus.WriteRequest") {
        flags->accept_write_v1 = true;
      } else if (name == "io.prometheus.write.v2.Request") {
        flags->accept_write_v2 = true;
      } else {
        return StrCat(base::Quote(name),
                      " is neither prometheus.WriteRequest nor io.prometheus.write.v2.Request");
      }
    }
  }
  return "";
}

void AddRemoteFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("Remote write and read");
  app.add_flag("--web.enable-remote-write-receiver", flags.enable_write_receiver,
               "Take samples by POST /api/v1/write");
  app.add_option_function<std::vector<std::string>>(
         "--web.remote-write-receiver.accepted-protobuf-messages",
         [&flags](const std::vector<std::string>& lists) {
           std::string problem = SetWriteMessages(lists, &flags);
           if (!problem.empty()) {
             throw CLI::ValidationError("--web.remote-write-receiver.accepted-protobuf-messages",
                                        problem);
           }
         },
         "Messages taken: prometheus.WriteRequest (the default), io.prometheus.write.v2.Request, "
         "or both with a comma (repeatable)")
      ->delimiter('\0');
  app.add_flag("--web.enable-otlp-receiver", flags.enable_otlp_receiver,
               "Take metrics by OTLP: POST /api/v1/otlp/v1/metrics");
  AddParsed(app, "storage.remote.flush-deadline", flags.flush_deadline_ms, base::ParseDurationMs,
            "How long, at the end, what is not sent yet is sent; what is left is sent after the "
            "next start",
            "1m");
  app.add_option("--storage.remote.read-sample-limit", flags.read_sample_limit,
                 "Samples in one answer of remote read that has samples")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--storage.remote.read-concurrent-limit", flags.read_concurrent_limit,
                 "Remote reads at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--storage.remote.read-max-bytes-in-frame", flags.read_max_frame_bytes,
                 "Bytes of a frame of remote read that has chunks")
      ->check(CLI::Range(1024, 64 << 20))
      ->capture_default_str();
}

void AddRuleFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("Rules and alerts");
  AddParsed(app, "rules.alert.for-outage-tolerance", flags.rules_outage_tolerance_ms,
            base::ParseDurationMs, "Longest outage after which an alert's `for` goes on", "1h");
  AddParsed(app, "rules.alert.for-grace-period", flags.rules_grace_period_ms, base::ParseDurationMs,
            "Shortest time between a restart and an alert that goes on; alerts with a shorter "
            "`for` begin anew",
            "10m");
  AddParsed(app, "rules.alert.resend-delay", flags.rules_resend_delay_ms, base::ParseDurationMs,
            "Shortest time before an alert is told again", "1m");
  app.add_option("--rules.max-concurrent-evals", flags.rules_max_concurrent,
                 "Independent rules evaluated at once [--enable-feature=concurrent-rule-eval]")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--alertmanager.notification-queue-capacity", flags.notify_queue_capacity,
                 "Alerts that may wait for one Alertmanager")
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}))
      ->capture_default_str();
  app.add_option("--alertmanager.notification-batch-size", flags.notify_batch_size,
                 "Most alerts in one request")
      ->check(CLI::Range(size_t{1}, size_t{100'000}))
      ->capture_default_str();
  AddSwitch(app, "alertmanager.drain-notification-queue-on-shutdown", flags.notify_drain,
            "Send the alerts that wait before stopping");
}

void AddLogFlags(CLI::App& app, ServeFlags& flags) {
  app.option_defaults()->group("Log");
  AddParsed(app, "log.level", flags.log_level, base::ParseLogLevel, "debug, info, warn or error",
            "info");
  app.add_option("--log.format", flags.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->capture_default_str();
}

std::string NearestFlag(const CLI::App& app, const std::string& unknown) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  std::vector<std::string_view> views(names.begin(), names.end());
  std::string_view bare = std::string_view(unknown).substr(0, unknown.find('='));
  return std::string(base::NearestWord(bare, views));
}

void RecordAll(const CLI::App& app, ServeFlags& flags) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name == "help" || name == "version") continue;
    flags.all[name] =
        option->count() > 0 ? base::Join(option->results(), ",") : option->get_default_str();
  }
}

// "/a/b" of "https://host/a/b/"; that of "/a" is itself.
std::string_view PathOfUrl(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return url;
  const size_t path = url.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view() : url.substr(path);
}

// With one slash before it and none behind; empty for "/".
std::string RoutePrefix(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? std::string() : StrCat("/", path);
}

int PrintParseError(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what();
  std::vector<std::string> extras = app.remaining();
  if (!extras.empty()) {
    message = "unknown flag " + extras.front();
    if (std::string near = NearestFlag(app, extras.front()); !near.empty()) {
      message += ", did you mean " + near + "?";
    }
  }
  std::fprintf(stderr, "slurmscope serve: %s\nTry slurmscope serve --help\n", message.c_str());
  return 1;
}

// In CLI11's order, last first. CLI11 takes the next argument for the value of `--flag=`, so an
// empty value becomes an argument of its own.
std::vector<std::string> ForCli11(const std::vector<std::string>& args) {
  std::vector<std::string> reversed;
  for (auto arg = args.rbegin(); arg != args.rend(); ++arg) {
    bool empty_value = arg->starts_with("--") && arg->ends_with('=');
    if (empty_value) reversed.emplace_back();
    reversed.push_back(empty_value ? arg->substr(0, arg->size() - 1) : *arg);
  }
  return reversed;
}

}  // namespace

ServeFlagsOutcome ParseServeFlags(const std::vector<std::string>& args, bool as_prometheus) {
  ServeFlagsOutcome outcome;
  ServeFlags& flags = outcome.flags;
  CLI::App app(
      "Scrapes targets, stores their samples, answers PromQL and shows the web UI. Takes the flags "
      "of Prometheus.",
      "slurmscope serve");
  app.footer(kFooter);
  app.get_formatter()->column_width(44);
  app.set_version_flag("--version", base::VersionText("slurmscope"));
  app.option_defaults()->group("Configuration");
  app.add_option("--config.file", flags.config_file, "Configuration, in Prometheus' format")
      ->capture_default_str();
  AddSwitch(app, "config.auto-reload", flags.auto_reload,
            "Read the configuration again when it, or a file of rules or jobs, has changed");
  AddParsed(app, "config.auto-reload-interval", flags.auto_reload_interval_ms, ParseReloadMs,
            "How often to look for changes", "30s");
  AddWebFlags(app, flags);
  AddStorageFlags(app, flags);
  AddQueryFlags(app, flags);
  AddRemoteFlags(app, flags);
  AddRuleFlags(app, flags);
  AddLogFlags(app, flags);
  AddForeignFlags(app, flags);
  try {
    app.parse(ForCli11(args));
  } catch (const CLI::Success& success) {
    outcome.exit = true;
    outcome.exit_code = app.exit(success);
    return outcome;
  } catch (const CLI::ParseError& error) {
    outcome.exit = true;
    outcome.exit_code = PrintParseError(app, error);
    return outcome;
  }
  if (as_prometheus) {
    flags.ui_optional = app.count("--ui.listen-address") == 0;
    if (app.count("--ui.state-path") == 0)
      flags.ui_state_path = StrCat(flags.tsdb_path, "/slurmscope-ui");
  }
  RecordAll(app, flags);
  if (as_prometheus) flags.all["ui.state-path"] = flags.ui_state_path;
  flags.route_prefix = RoutePrefix(
      app.count("--web.route-prefix") > 0 ? flags.route_prefix : PathOfUrl(flags.external_url));
  return outcome;
}

}  // namespace slurmscope::app
