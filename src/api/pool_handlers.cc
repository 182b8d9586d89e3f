// /scrape_pools, /scrape_pools/config, /targets/relabel_steps
#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/strings.h"
#include "config/yaml.h"
#include "discovery/relabel.h"

namespace slurmscope::api {
namespace {

using base::ErrorCode;
using base::Fail;
using base::StrCat;

http::Response PoolNotFound(std::string_view pool) {
  return ErrorResponse(ErrorType::kBadData, StrCat("error retrieving scrape config: scrape pool ",
                                                   base::Quote(pool), " not found"));
}

// A JSON object of texts.
Result<model::LabelsBuilder> ParseLabels(std::string_view text) {
  const config::Node root = TRY(config::ParseJson(text, "labels"));
  if (root.kind != config::Node::Kind::kMapping)
    return Fail(ErrorCode::kInvalidArgument, "expected a JSON object");
  model::LabelsBuilder labels;
  for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const config::Node& value = root.items[i + 1];
    if (value.kind != config::Node::Kind::kScalar || !value.quoted)
      return Fail(ErrorCode::kInvalidArgument, "expected a JSON object of strings");
    labels.Set(root.items[i].scalar, value.scalar);
  }
  return labels;
}

// With the keys that Prometheus gives a rule in JSON; those that are empty are left out.
void WriteRule(base::JsonWriter& json, const config::RelabelConfig& rule) {
  json.BeginObject();
  if (!rule.source_labels.empty()) {
    json.Key("sourceLabels").BeginArray();
    for (const std::string& label : rule.source_labels) json.String(label);
    json.EndArray();
  }
  if (!rule.separator.empty()) json.Field("separator", rule.separator);
  json.Field("regex", rule.regex.pattern());
  if (rule.modulus != 0) json.Field("modulus", rule.modulus);
  if (!rule.target_label.empty()) json.Field("targetLabel", rule.target_label);
  if (!rule.replacement.empty()) json.Field("replacement", rule.replacement);
  json.Field("action", config::ActionName(rule.action)).EndObject();
}

// Each rule with the labels after it; a rule that drops the target is the last one.
void WriteSteps(base::JsonWriter& json, const std::vector<config::RelabelConfig>& rules,
                model::LabelsBuilder labels) {
  json.BeginObject().Key("steps").BeginArray();
  for (const config::RelabelConfig& rule : rules) {
    const bool keep = discovery::Relabel({rule}, &labels);
    json.BeginObject().Key("rule");
    WriteRule(json, rule);
    json.Key("output");
    WriteLabels(json, keep ? labels.Build() : model::Labels());
    json.Field("keep", keep).EndObject();
    if (!keep) break;
  }
  json.EndArray().EndObject();
}

}  // namespace

http::Response Api::ScrapePools(const http::Request&) const {
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("scrapePools").BeginArray();
    for (const std::string& pool : deps_.scrape.pools()) json.String(pool);
    json.EndArray().EndObject();
  });
}

http::Response Api::ScrapePoolConfig(const http::Request& request) const {
  const std::string_view pool = request.Param("scrapePool");
  if (pool.empty()) return ErrorResponse(ErrorType::kBadData, "no scrapePool parameter provided");
  auto config = deps_.scrape.pool_config(pool);
  if (!config) return PoolNotFound(pool);
  return SuccessResponse(
      [&](base::JsonWriter& json) { json.BeginObject().Field("yaml", config->text).EndObject(); });
}

http::Response Api::RelabelSteps(const http::Request& request) const {
  const std::string_view pool = request.Param("scrapePool");
  if (pool.empty()) return ErrorResponse(ErrorType::kBadData, "no scrapePool parameter provided");
  const std::string_view text = request.Param("labels");
  if (text.empty()) return ErrorResponse(ErrorType::kBadData, "no labels parameter provided");
  auto labels = ParseLabels(text);
  if (!labels) {
    return ErrorResponse(ErrorType::kBadData,
                         StrCat("error parsing labels: ", labels.error().message()));
  }
  auto config = deps_.scrape.pool_config(pool);
  if (!config) return PoolNotFound(pool);
  return SuccessResponse([&](base::JsonWriter& json) {
    WriteSteps(json, config->relabel_configs, *std::move(labels));
  });
}

}  // namespace slurmscope::api
