#include "api/openapi.h"

#include "api/api.h"
#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::api {
namespace {

using base::StrAppend;

constexpr EndpointParameter kQuery = {"query", true, false, "PromQL expression"};
constexpr EndpointParameter kStart = {"start", false, false, "Start: RFC 3339 or Unix seconds"};
constexpr EndpointParameter kEnd = {"end", false, false, "End: RFC 3339 or Unix seconds"};
constexpr EndpointParameter kLimit = {"limit", false, false, "Most entries to give; 0: all"};
constexpr EndpointParameter kTimeout = {"timeout", false, false, "Longest time for the query"};
constexpr EndpointParameter kLookback = {"lookback_delta", false, false,
                                         "How old the newest sample of a series may be"};
constexpr EndpointParameter kStats = {"stats", false, false,
                                      "Anything: with statistics; all: by step, too"};
constexpr EndpointParameter kMatch = {"match[]", false, true, "Series selector"};
constexpr EndpointParameter kMatchRequired = {"match[]", true, true, "Series selector"};
constexpr EndpointParameter kMetric = {"metric", false, false, "Only of this metric"};
constexpr EndpointParameter kPool = {"scrapePool", false, false, "Only of this scrape pool"};
constexpr EndpointParameter kPoolRequired = {"scrapePool", true, false, "Name of a scrape pool"};

std::vector<Endpoint> QueryEndpoints() {
  EndpointParameter start = kStart;
  EndpointParameter end = kEnd;
  start.required = end.required = true;
  return {
      {"/query",
       "GET POST",
       "Evaluates an expression at one time",
       {kQuery,
        {"time", false, false, "RFC 3339 or Unix seconds; now"},
        kTimeout,
        kLimit,
        kLookback,
        kStats}},
      {"/query_range",
       "GET POST",
       "Evaluates an expression at many times",
       {kQuery,
        start,
        end,
        {"step", true, false, "Duration or seconds"},
        kTimeout,
        kLimit,
        kLookback,
        kStats}},
      {"/query_exemplars",
       "GET POST",
       "Exemplars of the series of an expression",
       {kQuery, kStart, kEnd}},
      {"/format_query", "GET POST", "An expression in its usual layout", {kQuery}},
      {"/parse_query", "GET POST", "The tree of an expression", {kQuery}},
      {"/series", "GET POST", "Label sets of series", {kMatchRequired, kStart, kEnd, kLimit}},
      {"/labels", "GET POST", "Names of labels", {kMatch, kStart, kEnd, kLimit}},
      {"/label/{name}/values", "GET", "Values of a label", {kMatch, kStart, kEnd, kLimit}},
      {"/metadata",
       "GET",
       "What targets say of their metrics",
       {kMetric, kLimit, {"limit_per_metric", false, false, "Most entries of one metric"}}},
  };
}

std::vector<Endpoint> TargetEndpoints() {
  return {
      {"/targets",
       "GET",
       "Targets of scrapes",
       {{"state", false, false, "active, dropped or any"}, kPool}},
      {"/targets/metadata",
       "GET",
       "What each target says of its metrics",
       {{"match_target", false, false, "Selector of targets"}, kMetric, kLimit}},
      {"/targets/relabel_steps",
       "GET",
       "What each relabelling rule makes of labels",
       {kPoolRequired, {"labels", true, false, "Labels before relabelling, a JSON object"}}},
      {"/scrape_pools", "GET", "Names of scrape pools"},
      {"/scrape_pools/config", "GET", "Configuration of a scrape pool", {kPoolRequired}},
      {"/rules",
       "GET",
       "Rules and their alerts",
       {{"type", false, false, "alert or record"},
        {"rule_name[]", false, true, "Only rules of these names"},
        {"rule_group[]", false, true, "Only groups of these names"},
        {"file[]", false, true, "Only groups of these files"},
        {"exclude_alerts", false, false, "true: without alerts"},
        {"match[]", false, true, "Only rules with these labels"},
        {"group_limit", false, false, "Most groups to give"},
        {"group_next_token", false, false, "Where the answer before ended"}}},
      {"/alerts", "GET", "Alerts that are pending or firing"},
      {"/alertmanagers", "GET", "Alertmanagers that alerts are told to"},
  };
}

std::vector<Endpoint> StatusEndpoints() {
  return {
      {"/status/config", "GET", "The configuration, without secrets"},
      {"/status/flags", "GET", "Flags and their values"},
      {"/status/buildinfo", "GET", "What build this is"},
      {"/status/runtimeinfo", "GET", "Start, time and working directory of the server"},
      {"/status/tsdb", "GET", "Series by metric and by label", {kLimit}},
      {"/status/tsdb/blocks", "GET", "Blocks on disk"},
      {"/status/walreplay", "GET", "How far the start has come"},
      {"/status/self_metrics",
       "GET",
       "This server's own metrics",
       {{"metric_name_pattern", false, false, "Regular expression of names"}}},
      {"/features", "GET", "What this server can do"},
      {"/openapi.yaml", "GET", "This description", {}, "application/yaml"},
      {"/notifications", "GET", "What the server has to say"},
      {"/notifications/live", "GET", "The same as it happens", {}, "text/event-stream"},
  };
}

std::vector<Endpoint> WriteEndpoints() {
  constexpr std::string_view kProtobuf = "application/x-protobuf";
  return {
      {"/read", "POST", "Remote read", {}, kProtobuf},
      {"/write", "POST", "Remote write, with --web.enable-remote-write-receiver", {}, kProtobuf},
      {"/otlp/v1/metrics",
       "POST",
       "Metrics by OTLP, with --web.enable-otlp-receiver",
       {},
       kProtobuf},
      {"/admin/tsdb/delete_series",
       "POST PUT",
       "Deletes samples, with --web.enable-admin-api",
       {kMatchRequired, kStart, kEnd}},
      {"/admin/tsdb/clean_tombstones", "POST PUT",
       "Takes what was deleted from disk, with --web.enable-admin-api"},
      {"/admin/tsdb/snapshot",
       "POST PUT",
       "Makes a snapshot, with --web.enable-admin-api",
       {{"skip_head", false, false, "true: without what is in memory"}}},
  };
}

std::vector<Endpoint> AllEndpoints() {
  std::vector<Endpoint> all;
  for (auto list : {QueryEndpoints(), TargetEndpoints(), StatusEndpoints(), WriteEndpoints()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::string Lower(std::string_view method) {
  std::string lower(method);
  for (char& c : lower) c = static_cast<char>(c + 32);
  return lower;
}

void WriteParameter(const EndpointParameter& parameter, std::string* out) {
  StrAppend(*out, "        - name: ", base::Quote(parameter.name), "\n          in: query\n");
  if (parameter.required) *out += "          required: true\n";
  if (!parameter.about.empty())
    StrAppend(*out, "          description: ", base::Quote(parameter.about), "\n");
  *out += parameter.repeated ? "          schema: {type: array, items: {type: string}}\n"
                             : "          schema: {type: string}\n";
}

void WriteOperation(const Endpoint& endpoint, std::string_view method, std::string* out) {
  StrAppend(*out, "    ", Lower(method), ":\n      summary: ", base::Quote(endpoint.about), "\n");
  const bool in_path = endpoint.path.find('{') != std::string_view::npos;
  if (in_path || !endpoint.parameters.empty()) *out += "      parameters:\n";
  if (in_path) *out += "        - {name: name, in: path, required: true, schema: {type: string}}\n";
  for (const EndpointParameter& parameter : endpoint.parameters) WriteParameter(parameter, out);
  StrAppend(*out, "      responses:\n        \"200\":\n          description: Success\n",
            "          content:\n            ", endpoint.media, ": {}\n",
            "        default:\n          $ref: \"#/components/responses/Error\"\n");
}

constexpr std::string_view kComponents = R"(components:
  responses:
    Error:
      description: What went wrong
      content:
        application/json:
          schema:
            type: object
            required: [status, errorType, error]
            properties:
              status: {type: string, const: error}
              errorType: {type: string}
              error: {type: string}
)";

}  // namespace

const std::vector<Endpoint>& Endpoints() {
  static const std::vector<Endpoint> all = AllEndpoints();
  return all;
}

std::string OpenApiYaml(std::string_view base) {
  std::string out = "openapi: 3.1.0\ninfo:\n  title: Prometheus HTTP API of Slurmscope\n";
  StrAppend(out, "  version: ", base::Quote(base::Version()),
            "\nservers:\n  - url: ", base::Quote(base::StrCat(base, "/api/v1")), "\npaths:\n");
  for (const Endpoint& endpoint : Endpoints()) {
    StrAppend(out, "  ", endpoint.path, ":\n");
    for (std::string_view method : base::Split(endpoint.methods, ' '))
      WriteOperation(endpoint, method, &out);
  }
  out += kComponents;
  return out;
}

http::Response Api::OpenApi(const http::Request& request) const {
  const std::string_view version = request.Param("openapi_version");
  if (!version.empty() && version != "3.1") {
    return http::Response::Text(400, base::StrCat("openapi_version ", base::Quote(version),
                                                  " is not known; there is 3.1\n"));
  }
  http::Response response = http::Response::Text(200, OpenApiYaml(deps_.route_prefix));
  response.content_type = "application/yaml; charset=utf-8";
  return response;
}

}  // namespace slurmscope::api
