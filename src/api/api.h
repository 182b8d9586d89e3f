#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "http/server.h"
#include "notify/manager.h"
#include "promql/engine.h"
#include "rules/manager.h"
#include "scrape/manager.h"
#include "tsdb/db.h"

namespace slurmscope::api {

// What changes at a reload or is only known to the program; read at each request.
struct RuntimeState {
  std::string config_yaml;
  bool reload_ok = true;
  int64_t last_reload_ms = 0;
};

// What the API answers from. The references must outlive the Api.
struct Dependencies {
  promql::Engine& engine;
  tsdb::Db& db;
  scrape::Manager& scrape;
  const base::Clock& clock;
  std::map<std::string, std::string> flags;  // every flag with its value, for /status/flags
  std::string retention;                     // "15d"
  int64_t start_time_ms = 0;
  std::string external_host;  // stands for loopback hosts in a target's globalUrl
  std::function<RuntimeState()> runtime;
  bool admin_api = false;                   // whether /admin/tsdb may be used
  std::string data_directory = {};          // snapshots are made in its `snapshots`
  const rules::Manager* rules = nullptr;    // null: there are no rules
  const notify::Manager* notify = nullptr;  // null: there are no Alertmanagers
  model::Queryable* queried = nullptr;      // what queries read; null: the db

  model::Queryable& storage() const { return queried != nullptr ? *queried : db; }
};

// Prometheus' HTTP API v1 (https://prometheus.io/docs/prometheus/latest/querying/api/): the read
// side, and the administration of the storage. Answers have Prometheus' shapes, error types, status
// codes and number forms. Handlers are thread-safe.
class Api {
 public:
  explicit Api(Dependencies dependencies) : deps_(std::move(dependencies)) {}
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Adds the routes below /api/v1. The Api must outlive the router.
  void Register(http::Router& router);

 private:
  using Method = http::Response (Api::*)(const http::Request&) const;
  void Add(http::Router& router, std::string_view methods, std::string pattern, Method method);

  http::Response Query(const http::Request& request) const;
  http::Response QueryRange(const http::Request& request) const;
  http::Response FormatQuery(const http::Request& request) const;
  http::Response ParseQuery(const http::Request& request) const;
  http::Response QueryExemplars(const http::Request& request) const;

  http::Response Series(const http::Request& request) const;
  http::Response LabelNames(const http::Request& request) const;
  http::Response LabelValues(const http::Request& request) const;
  http::Response Metadata(const http::Request& request) const;

  void AddAdmin(http::Router& router, std::string pattern, Method method);
  http::Response DeleteSeries(const http::Request& request) const;
  http::Response CleanTombstones(const http::Request& request) const;
  http::Response Snapshot(const http::Request& request) const;

  http::Response Targets(const http::Request& request) const;
  http::Response TargetsMetadata(const http::Request& request) const;
  http::Response ScrapePools(const http::Request& request) const;

  http::Response StatusConfig(const http::Request& request) const;
  http::Response StatusFlags(const http::Request& request) const;
  http::Response StatusBuildinfo(const http::Request& request) const;
  http::Response StatusRuntimeinfo(const http::Request& request) const;
  http::Response StatusTsdb(const http::Request& request) const;
  http::Response StatusWalReplay(const http::Request& request) const;

  http::Response Rules(const http::Request& request) const;
  http::Response Alerts(const http::Request& request) const;
  http::Response Alertmanagers(const http::Request& request) const;

  Dependencies deps_;
};

}  // namespace slurmscope::api
