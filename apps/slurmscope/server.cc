#include "server.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "api/self_metrics.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "rules/load.h"
#include "server_web.h"

namespace slurmscope::app {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

constexpr int kStopGraceSeconds = 10;

std::string Hostname() {
  std::array<char, 256> buffer{};
  return gethostname(buffer.data(), buffer.size() - 1) == 0 ? buffer.data() : "localhost";
}

std::string ExternalHost(const std::string& external_url) {
  size_t scheme_end = external_url.find("://");
  if (scheme_end == std::string::npos) return Hostname();
  std::string_view rest = std::string_view(external_url).substr(scheme_end + 3);
  std::string host = HostWithoutPort(rest.substr(0, rest.find('/')));
  return host.empty() ? Hostname() : host;
}

Result<std::optional<std::string>> AdminPasswordFromEnvironment() {
  const char* value = std::getenv("GRAFANA_ADMIN_PASSWORD");
  if (value == nullptr || value[0] == '\0') return std::optional<std::string>();
  if (std::string_view(value).starts_with("${")) {
    return Fail(ErrorCode::kInvalidArgument,
                "GRAFANA_ADMIN_PASSWORD holds an unexpanded variable: set it to the password, or "
                "unset it to have "
                "one generated");
  }
  return std::optional<std::string>(value);
}

promql::ParserOptions ParserOptionsOf(const ServeFlags& flags) {
  promql::ParserOptions options;
  options.experimental_functions = flags.Enabled("promql-experimental-functions");
  options.extended_range_selectors = flags.Enabled("promql-extended-range-selectors");
  options.fill_modifiers = flags.Enabled("promql-binop-fill-modifiers");
  return options;
}
void LogReplay(const tsdb::ReplayReport& report) {
  base::LogInfo("write-ahead log replayed", {{"segments", report.segments},
                                             {"series", report.series},
                                             {"samples", report.samples},
                                             {"head_chunks", report.head_chunks},
                                             {"seconds", report.seconds}});
  if (report.corruption.empty()) return;
  base::LogWarn("write-ahead log was damaged: what came before the damage is kept",
                {{"damage", report.corruption}, {"dropped_bytes", report.dropped_bytes}});
}

}  // namespace

Server::Server(ServeFlags flags, config::PrometheusConfig config, std::function<void()> quit)
    : flags_(std::move(flags)),
      quit_(std::move(quit)),
      start_time_ms_(base::SystemClock().NowMs()),
      config_(std::move(config)),
      last_reload_ms_(start_time_ms_),
      notifications_(flags_.max_notification_subscribers) {
  notifications_.Add(api::kStartingUp);
  notifications_.Register(early_router_);
  api::RegisterWalReplay(early_router_, replay_progress_);
}

Server::~Server() {
  config_watch_.reset();  // calls Reload
  notifications_.Add(api::kShuttingDown);
  // The servers first: their handlers use everything else.
  if (ui_server_) ui_server_->Stop(kStopGraceSeconds);
  if (api_server_) api_server_->Stop(kStopGraceSeconds);
  ui_server_.reset();
  api_server_.reset();
  discovery_.reset();  // calls into scrape_
}

Result<std::unique_ptr<Server>> Server::Start(ServeFlags flags, std::function<void()> quit,
                                              const std::atomic<bool>& stop) {
  auto config = TRY(LoadConfig(flags));
  for (const std::string& warning : config.warnings) base::LogWarn(warning);
  auto groups = TRY(rules::LoadRules(config.rule_files, ParserOptionsOf(flags)));
  std::unique_ptr<Server> server(new Server(std::move(flags), std::move(config), std::move(quit)));
  TRY(server->OpenAccess());
  TRY(server->Listen());
  TRY(server->OpenStorage(stop));
  TRY(server->StartScraping());
  server->StartRemoteRead();
  server->StartRules(groups);
  server->StartRemoteWrite();
  server->AddApiRoutes();
  if (!server->flags_.ui_listen_address.empty()) TRY(server->OpenUi());
  server->WatchConfig();
  server->notifications_.Remove(api::kStartingUp);
  server->ready_ = true;
  base::LogInfo("server is ready to receive web requests");
  return server;
}

// Flags come before the file; without any limit it is 15 days, as in Prometheus.
Server::Retention Server::ChosenRetention() const {
  constexpr int64_t kDefaultMs = int64_t{15} * 24 * 3600 * 1000;
  Retention chosen{flags_.retention_ms, flags_.retention_bytes};
  if (chosen.retention_ms == 0) chosen.retention_ms = config_.storage.retention_time_ms;
  if (chosen.retention_bytes == 0) chosen.retention_bytes = config_.storage.retention_size;
  if (chosen.retention_ms == 0 && chosen.retention_bytes == 0) chosen.retention_ms = kDefaultMs;
  return chosen;
}

std::string Server::RetentionText() const {
  std::string text;
  if (retention_.retention_ms > 0) text = base::FormatDurationMs(retention_.retention_ms);
  if (retention_.retention_bytes == 0) return text;
  return StrCat(text, text.empty() ? "" : " or ", retention_.retention_bytes, "B");
}

Result<void> Server::OpenStorage(const std::atomic<bool>& stop) {
  retention_ = ChosenRetention();
  tsdb::DbOptions options;
  options.path = flags_.tsdb_path;
  options.stop_opening = &stop;
  options.progress = &replay_progress_;
  options.wal_segment_bytes = flags_.wal_segment_bytes;
  options.wal_compression = !flags_.wal_compression ? tsdb::WalCompression::kNone
                            : flags_.wal_zstd       ? tsdb::WalCompression::kZstd
                                                    : tsdb::WalCompression::kSnappy;
  options.lock = !flags_.no_lockfile;
  options.retention_ms = retention_.retention_ms;
  options.retention_bytes = retention_.retention_bytes;
  options.min_block_ms = flags_.min_block_ms;
  options.max_block_ms = flags_.max_block_ms;
  options.compaction_interval_ms = flags_.block_reload_ms;
  options.ooo_window_ms = config_.storage.out_of_order_window_ms;
  if (flags_.Enabled("exemplar-storage")) options.max_exemplars = config_.storage.max_exemplars;
  options.metadata_records = flags_.Enabled("metadata-wal-records");
  db_ = TRY(tsdb::Db::Open(options));
  LogReplay(db_->replay());

  promql::EngineOptions engine;
  engine.lookback_ms = flags_.lookback_ms;
  engine.timeout_ms = flags_.query_timeout_ms;
  engine.max_samples = flags_.query_max_samples;
  engine.max_bytes = static_cast<int64_t>(flags_.query_max_bytes);
  engine.max_concurrency = flags_.query_max_concurrency;
  engine.default_subquery_step_ms = config_.global.evaluation_interval_ms;
  engine.parser = ParserOptionsOf(flags_);
  engine.delayed_name_removal = flags_.Enabled("promql-delayed-name-removal");
  engine_ = std::make_unique<promql::Engine>(engine);
  TRY_CONTEXT(engine_->log().Open(config_.global.query_log_file), "query_log_file");
  return {};
}

Result<void> Server::StartScraping() {
  http::Client::Options client_options;
  client_options.user_agent = StrCat("Slurmscope/", base::Version());
  client_ = TRY(http::Client::Start(client_options));
  scrape::ManagerOptions options;
  options.user_agent = client_options.user_agent;
  options.offset_seed = static_cast<int64_t>(std::hash<std::string>{}(Hostname()));
  options.start_times = flags_.Enabled(kStartTimes);
  scrape_ = std::make_unique<scrape::Manager>(options, *db_, *client_);
  scrape_->Apply(config_.scrape_configs);
  discovery_ = std::make_unique<discovery::Manager>(
      [this](const discovery::TargetGroups& groups) { scrape_->Update(groups); },
      discovery::DiscoveryOptions{.client = client_.get()});
  discovery_->Apply(config_.scrape_configs);
  return {};
}

Result<void> Server::OpenUi() {
  TRY_CONTEXT(base::MakeDirectories(flags_.ui_state_path), "--ui.state-path");
  database_ = TRY(dashboards::Database::Open(StrCat(flags_.ui_state_path, "/slurmscope.db")));
  accounts_ = std::make_unique<dashboards::Accounts>(*database_, base::SystemClock());
  dashboards_ = std::make_unique<dashboards::DashboardStore>(*database_, base::SystemClock());
  std::optional<std::string> password = TRY(AdminPasswordFromEnvironment());
  auto setup =
      TRY(accounts_->EnsureAdmin(password, StrCat(flags_.ui_state_path, "/admin-password")));
  ProvisionDashboards();
  ui_ = std::make_unique<dashboards::UiServer>(
      *accounts_, *dashboards_,
      [this](const http::Request& request) { return HandleUiApi(request); });
  PrintWelcome(setup);
  return {};
}

void Server::PrintWelcome(const dashboards::Accounts::AdminSetup& setup) const {
  if (!setup.generated) return;
  // Printed, never logged: a log is kept and sent around.
  std::printf("Web UI: %s://%s  user admin, password %s\n(also in %s/admin-password)\n",
              access_ && access_->has_tls() ? "https" : "http",
              ui_server_->addresses().front().c_str(), setup.generated_password.c_str(),
              flags_.ui_state_path.c_str());
  std::fflush(stdout);
}

void Server::ProvisionDashboards() {
  if (flags_.ui_dashboards_path.empty() || !dashboards_) return;
  auto count = dashboards_->Provision(flags_.ui_dashboards_path);
  if (!count) {
    base::LogError("dashboards not provisioned", {{"error", count.error()}});
    return;
  }
  base::LogInfo("dashboards provisioned",
                {{"directory", flags_.ui_dashboards_path}, {"count", *count}});
}

void Server::AddApiRoutes() {
  api::Dependencies dependencies{*engine_,
                                 *db_,
                                 *scrape_,
                                 base::SystemClock(),
                                 flags_.all,
                                 RetentionText(),
                                 start_time_ms_,
                                 ExternalHost(flags_.external_url),
                                 [this] { return Runtime(); },
                                 flags_.enable_admin_api,
                                 flags_.tsdb_path,
                                 rules_.get(),
                                 notify_.get(),
                                 queried_.get()};
  dependencies.parts.features = {flags_.features.begin(), flags_.features.end()};
  dependencies.parts.lifecycle = flags_.enable_lifecycle;
  dependencies.parts.write_receiver = flags_.enable_write_receiver;
  dependencies.parts.otlp_receiver = flags_.enable_otlp_receiver;
  dependencies.self_metrics = [this] { return SelfMetricsPage(); };
  dependencies.route_prefix = flags_.route_prefix;
  api_ = std::make_unique<api::Api>(std::move(dependencies));
  api_->Register(router_);
  AddRemoteRoutes();
  notifications_.Register(router_);
  api::RegisterWalReplay(router_, replay_progress_);
  router_.Add("GET", "/metrics", [this](const http::Request&) {
    http::Response response = http::Response::Text(200, SelfMetricsPage());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  router_.Add("GET", "/-/ready", [this](const http::Request&) {
    std::string problem = db_->problem();
    if (!problem.empty()) return http::Response::Text(503, StrCat("Not ready: ", problem, ".\n"));
    return http::Response::Text(200, "Prometheus Server is Ready.\n");
  });
  router_.Add("POST PUT", "/-/reload", [this](const http::Request&) {
    if (!flags_.enable_lifecycle) return http::Response::Text(403, "Lifecycle API is not enabled.");
    auto reloaded = Reload();
    if (reloaded) return http::Response::Text(200, "");
    return http::Response::Text(
        500, StrCat("failed to reload config: ", reloaded.error().message(), "\n"));
  });
  router_.Add("POST PUT", "/-/quit", [this](const http::Request&) {
    if (!flags_.enable_lifecycle) return http::Response::Text(403, "Lifecycle API is not enabled.");
    quit_();
    return http::Response::Text(200, "Requesting termination... Goodbye!");
  });
  AddProfileRoutes();
  AddUiPages();
}

std::string Server::SelfMetricsPage() const {
  api::RuntimeState runtime = Runtime();
  api::SelfMetricsSources sources{*engine_,
                                  *db_,
                                  *scrape_,
                                  http_metrics_,
                                  discovery_->stats(),
                                  runtime.reload_ok,
                                  runtime.last_reload_ms};
  sources.rules = rules_.get();
  sources.notify = notify_.get();
  sources.write_receiver = write_receiver_.get();
  sources.remote_write = remote_write_.get();
  sources.otlp = otlp_receiver_.get();
  sources.notifications = notifications_.stats();
  sources.retention_ms = retention_.retention_ms;
  sources.retention_bytes = retention_.retention_bytes;
  sources.federation_errors = api_->federation_errors();
  return api::WriteSelfMetrics(sources);
}

}  // namespace slurmscope::app
