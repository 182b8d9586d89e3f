#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/api.h"
#include "api/http_metrics.h"
#include "base/result.h"
#include "config/prometheus.h"
#include "dashboards/ui_server.h"
#include "discovery/discovery.h"
#include "http/access.h"
#include "http/client.h"
#include "http/server.h"
#include "model/matcher.h"
#include "notify/manager.h"
#include "promql/engine.h"
#include "remote/otlp_receiver.h"
#include "remote/read_fanout.h"
#include "remote/read_handler.h"
#include "remote/write_manager.h"
#include "remote/write_receiver.h"
#include "rules/manager.h"
#include "scrape/manager.h"
#include "serve_flags.h"
#include "tsdb/db.h"

namespace slurmscope::app {

using base::Result;

// The rooms put together: what runs between the start and the stop of `slurmscope serve`.
class Server {
 public:
  // Listens at once, and answers 503 until the log is replayed, which ends soon after `stop` became
  // true. `quit` is called when /-/quit is asked for.
  static Result<std::unique_ptr<Server>> Start(ServeFlags flags, std::function<void()> quit,
                                               const std::atomic<bool>& stop);
  ~Server();

  // Reads the configuration again: all of it is taken, or nothing and the error says why.
  // Thread-safe.
  Result<void> Reload();

 private:
  Server(ServeFlags flags, config::PrometheusConfig config, std::function<void()> quit);
  Result<void> OpenAccess();
  Result<void> Listen();
  struct Retention {
    int64_t retention_ms = 0;      // 0: no limit
    uint64_t retention_bytes = 0;  // 0: no limit
  };
  Retention ChosenRetention() const;
  std::string RetentionText() const;
  Result<void> OpenStorage(const std::atomic<bool>& stop);
  Result<void> OpenUi();
  Result<void> StartScraping();
  void StartRules(const std::vector<config::RuleGroupConfig>& groups);
  void ApplyRules(const config::PrometheusConfig& config,
                  const std::vector<config::RuleGroupConfig>& groups);
  void AddApiRoutes();
  void AddUiPages();
  void AddRemoteRoutes();
  void AddReceiverRoutes();
  void StartRemoteWrite();
  void StartRemoteRead();
  void PrintWelcome(const dashboards::Accounts::AdminSetup& setup) const;
  void ProvisionDashboards();

  http::Response HandleApiPort(const http::Request& request);
  http::Response HandleApi(const http::Request& request);
  http::Response HandleUiApi(const http::Request& request);
  http::Response HandleUi(const http::Request& request);
  http::Response SelfMetrics() const;
  http::Response RedirectToUi(const http::Request& request) const;
  api::RuntimeState Runtime() const;

  ServeFlags flags_;
  std::function<void()> quit_;
  Retention retention_;
  int64_t start_time_ms_;
  std::atomic<bool> ready_{false};

  std::mutex reload_mutex_;  // one reload at a time; taken before config_mutex_
  mutable std::mutex config_mutex_;
  config::PrometheusConfig config_;
  bool reload_ok_ = true;
  int64_t last_reload_ms_ = 0;

  // In the order of their dependencies: destroyed from the last to the first, after the servers
  // have stopped.
  std::unique_ptr<tsdb::Db> db_;
  std::unique_ptr<promql::Engine> engine_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<remote::ReadFanout> queried_;         // the storage, and what remote_read names
  std::unique_ptr<remote::WriteManager> remote_write_;  // when nothing takes samples any more
  std::unique_ptr<scrape::Manager> scrape_;
  std::unique_ptr<discovery::Manager> discovery_;
  std::unique_ptr<notify::Manager> notify_;
  std::unique_ptr<rules::Manager> rules_;
  std::unique_ptr<dashboards::Database> database_;
  std::unique_ptr<dashboards::Accounts> accounts_;
  std::unique_ptr<dashboards::DashboardStore> dashboards_;
  std::unique_ptr<dashboards::UiServer> ui_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<remote::WriteReceiver> write_receiver_;
  std::unique_ptr<remote::OtlpReceiver> otlp_receiver_;
  std::unique_ptr<remote::ReadHandler> read_handler_;
  http::Router router_;
  api::HttpMetrics http_metrics_;
  std::shared_ptr<http::Access> access_;  // null: plain HTTP for everyone
  std::optional<model::Regex> cors_origin_;
  std::unique_ptr<http::Server> api_server_;
  std::unique_ptr<http::Server> ui_server_;
};

}  // namespace slurmscope::app
