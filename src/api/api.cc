#include "api/api.h"

namespace slurmscope::api {
void Api::Add(http::Router& router, std::string_view methods, std::string pattern, Method method) {
  router.Add(methods, "/api/v1" + std::move(pattern),
             [this, method](const http::Request& request) { return (this->*method)(request); });
}

void Api::Register(http::Router& router) {
  Add(router, "GET POST", "/query", &Api::Query);
  Add(router, "GET POST", "/query_range", &Api::QueryRange);
  Add(router, "GET POST", "/format_query", &Api::FormatQuery);
  Add(router, "GET POST", "/parse_query", &Api::ParseQuery);
  Add(router, "GET POST", "/query_exemplars", &Api::QueryExemplars);
  Add(router, "GET POST", "/series", &Api::Series);
  Add(router, "GET POST", "/labels", &Api::LabelNames);
  Add(router, "GET", "/label/:name/values", &Api::LabelValues);
  Add(router, "GET", "/metadata", &Api::Metadata);
  Add(router, "GET", "/targets", &Api::Targets);
  Add(router, "GET", "/targets/metadata", &Api::TargetsMetadata);
  Add(router, "GET", "/targets/relabel_steps", &Api::RelabelSteps);
  Add(router, "GET", "/scrape_pools", &Api::ScrapePools);
  Add(router, "GET", "/scrape_pools/config", &Api::ScrapePoolConfig);
  Add(router, "GET", "/status/config", &Api::StatusConfig);
  Add(router, "GET", "/status/flags", &Api::StatusFlags);
  Add(router, "GET", "/status/buildinfo", &Api::StatusBuildinfo);
  Add(router, "GET", "/status/runtimeinfo", &Api::StatusRuntimeinfo);
  Add(router, "GET", "/status/tsdb", &Api::StatusTsdb);
  Add(router, "GET", "/status/tsdb/blocks", &Api::StatusTsdbBlocks);
  Add(router, "GET", "/status/self_metrics", &Api::StatusSelfMetrics);
  Add(router, "GET", "/features", &Api::Features);
  Add(router, "GET", "/openapi.yaml", &Api::OpenApi);
  AddAdmin(router, "/delete_series", &Api::DeleteSeries);
  AddAdmin(router, "/clean_tombstones", &Api::CleanTombstones);
  AddAdmin(router, "/snapshot", &Api::Snapshot);
  Add(router, "GET", "/rules", &Api::Rules);
  Add(router, "GET", "/alerts", &Api::Alerts);
  Add(router, "GET", "/alertmanagers", &Api::Alertmanagers);
  router.Add("GET", "/version",
             [this](const http::Request& request) { return VersionPage(request); });
  router.Add("GET", "/federate",
             [this](const http::Request& request) { return Federate(request); });
}

}  // namespace slurmscope::api
