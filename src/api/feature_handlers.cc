// /features: what this server can do and what of it is switched on, by Prometheus' names.
#include <map>
#include <string>
#include <string_view>

#include "api/api.h"
#include "api/response.h"
#include "promql/functions.h"
#include "rules/template.h"

namespace slurmscope::api {
namespace {

using Group = std::map<std::string, bool, std::less<>>;
using Groups = std::map<std::string, Group, std::less<>>;

void Set(Group& group, std::initializer_list<std::string_view> names, bool value) {
  for (std::string_view name : names) group.emplace(name, value);
}

Group ApiGroup(const Dependencies& deps) {
  Group group;
  Set(group,
      {"exclude_alerts", "label_values_match", "openapi_3.1", "query_stats", "query_warnings",
       "time_range_labels", "time_range_series"},
      true);
  Set(group, {"admin"}, deps.admin_api);
  Set(group, {"lifecycle"}, deps.parts.lifecycle);
  Set(group, {"remote_write_receiver"}, deps.parts.write_receiver);
  Set(group, {"otlp_write_receiver"}, deps.parts.otlp_receiver);
  Set(group, {"openapi_3.2"}, false);
  return group;
}

Group PromqlGroup(const promql::ParserOptions& parser, const std::set<std::string>& features) {
  Group group;
  Set(group,
      {"at_modifier", "bool", "by", "duration_expr", "group_left", "group_right", "ignoring",
       "negative_offset", "offset", "on", "per_query_lookback_delta", "per_step_stats",
       "subqueries", "without"},
      true);
  Set(group, {"anchored", "smoothed"}, parser.extended_range_selectors);
  Set(group, {"fill", "fill_left", "fill_right"}, parser.fill_modifiers);
  Set(group, {"delayed_name_removal"}, features.contains("promql-delayed-name-removal"));
  Set(group, {"type_and_unit_labels"}, false);
  return group;
}

Group FunctionGroup(const promql::ParserOptions& parser) {
  Group group;
  for (const promql::FunctionInfo& function : promql::AllFunctions())
    group.emplace(function.name, !function.experimental || parser.experimental_functions);
  return group;
}

Group OperatorGroup(const promql::ParserOptions& parser) {
  Group group;
  Set(group, {"!=",     "!~",           "%",     "*",    "+",     "-",   "/",
              "<",      "<=",           "==",    "=~",   ">",     ">=",  "@",
              "^",      "</",           ">/",    "and",  "atan2", "avg", "bottomk",
              "count",  "count_values", "group", "max",  "min",   "or",  "quantile",
              "stddev", "stdvar",       "sum",   "topk", "unless"},
      true);
  Set(group, {"limit_ratio", "limitk"}, parser.experimental_functions);
  return group;
}

Groups AllGroups(const Dependencies& deps) {
  const promql::ParserOptions& parser = deps.engine.options().parser;
  const std::set<std::string>& features = deps.parts.features;
  Groups groups;
  groups["api"] = ApiGroup(deps);
  groups["promql"] = PromqlGroup(parser, features);
  groups["promql_functions"] = FunctionGroup(parser);
  groups["promql_operators"] = OperatorGroup(parser);
  Set(groups["otlp_receiver"], {"delta_conversion", "native_delta_ingestion"}, false);
  Set(groups["prometheus"], {"server_mode"}, true);
  Set(groups["prometheus"], {"agent_mode"}, false);
  Set(groups["prometheus"], {"auto_reload_config"}, features.contains("auto-reload-config"));
  Set(groups["rules"], {"keep_firing_for", "query_offset"}, true);
  Set(groups["rules"], {"concurrent_rule_eval"}, features.contains("concurrent-rule-eval"));
  Set(groups["scrape"], {"extra_scrape_metrics"}, true);
  Set(groups["scrape"], {"start_timestamp_zero_ingestion"},
      features.contains("created-timestamp-zero-ingestion"));
  Set(groups["scrape"], {"type_and_unit_labels"}, false);
  Set(groups["service_discovery_providers"], {"consul", "dns", "file", "http", "static"}, true);
  for (std::string_view name : rules::TemplateFunctionNames())
    groups["templating_functions"].emplace(name, true);
  Set(groups["tsdb"], {"isolation", "native_histograms"}, true);
  Set(groups["tsdb"], {"exemplar_storage"}, features.contains("exemplar-storage"));
  Set(groups["tsdb"], {"delayed_compaction", "use_uncached_io"}, false);
  Set(groups["ui"], {"ui_v2", "ui_v3"}, false);
  return groups;
}

}  // namespace

http::Response Api::Features(const http::Request&) const {
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject();
    for (const auto& [name, group] : AllGroups(deps_)) {
      json.Key(name).BeginObject();
      for (const auto& [feature, enabled] : group) json.Field(feature, enabled);
      json.EndObject();
    }
    json.EndObject();
  });
}

}  // namespace slurmscope::api
