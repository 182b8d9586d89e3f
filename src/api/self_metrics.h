#pragma once

#include <string>

#include "api/http_metrics.h"
#include "notify/manager.h"
#include "promql/engine.h"
#include "remote/otlp_receiver.h"
#include "remote/write_manager.h"
#include "remote/write_receiver.h"
#include "rules/manager.h"
#include "scrape/manager.h"
#include "tsdb/db.h"

namespace slurmscope::api {

// Where the figures of the program's own /metrics come from.
struct SelfMetricsSources {
  const promql::Engine& engine;
  const tsdb::Db& db;
  const scrape::Manager& scrape;
  const HttpMetrics& http;
  discovery::DiscoveryStats discovery;
  bool reload_ok = true;
  int64_t last_reload_ms = 0;
  const rules::Manager* rules = nullptr;
  const notify::Manager* notify = nullptr;
  const remote::WriteReceiver* write_receiver = nullptr;
  const remote::WriteManager* remote_write = nullptr;
  const remote::OtlpReceiver* otlp = nullptr;
};

// The page in text format, under the names that Prometheus gives the same figures.
std::string WriteSelfMetrics(const SelfMetricsSources& sources);

}  // namespace slurmscope::api
