// /targets, /targets/metadata
#include <map>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/duration.h"
#include "base/strings.h"

namespace slurmscope::api {
namespace {

std::string_view HealthName(scrape::Health health) {
  switch (health) {
    case scrape::Health::kUnknown:
      return "unknown";
    case scrape::Health::kUp:
      return "up";
    case scrape::Health::kDown:
      return "down";
  }
  return "unknown";
}

void WriteMap(base::JsonWriter& json, const std::map<std::string, std::string>& map) {
  json.BeginObject();
  for (const auto& [key, value] : map) json.Field(key, value);
  json.EndObject();
}

// A loopback host says nothing to somebody on another machine.
std::string GlobalUrl(std::string_view url, std::string_view external_host) {
  size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos || external_host.empty()) return std::string(url);
  size_t host_begin = scheme_end + 3;
  for (std::string_view loopback : {"localhost", "127.0.0.1", "[::1]"}) {
    std::string_view rest = url.substr(host_begin);
    if (!rest.starts_with(loopback)) continue;
    rest.remove_prefix(loopback.size());
    if (!rest.empty() && rest[0] != ':' && rest[0] != '/') continue;
    return base::StrCat(url.substr(0, host_begin), external_host, rest);
  }
  return std::string(url);
}

void WriteTarget(base::JsonWriter& json, const scrape::TargetStatus& target,
                 std::string_view external_host) {
  json.BeginObject().Key("discoveredLabels");
  WriteMap(json, target.discovered_labels);
  json.Key("labels");
  WriteLabels(json, target.labels);
  json.Field("scrapePool", target.scrape_pool);
  json.Field("scrapeUrl", target.scrape_url);
  json.Field("globalUrl", GlobalUrl(target.scrape_url, external_host));
  json.Field("lastError", target.last_error);
  // Go's zero time stands for "not yet", as clients of Prometheus expect.
  json.Field("lastScrape", target.last_scrape_ms == 0
                               ? std::string("0001-01-01T00:00:00Z")
                               : base::FormatRfc3339Ms(target.last_scrape_ms));
  json.Field("lastScrapeDuration", target.last_scrape_duration_seconds);
  json.Field("health", HealthName(target.health));
  json.Field("scrapeInterval", base::FormatDurationMs(target.interval_ms));
  json.Field("scrapeTimeout", base::FormatDurationMs(target.timeout_ms)).EndObject();
}

bool Satisfies(const model::Labels& labels, const std::vector<model::Matcher>& matchers) {
  for (const model::Matcher& matcher : matchers) {
    if (!matcher.Matches(labels.Get(matcher.name()))) return false;
  }
  return true;
}

}  // namespace

http::Response Api::Targets(const http::Request& request) const {
  std::string_view state = request.Param("state");
  std::string_view pool = request.Param("scrapePool");
  bool show_active = state.empty() || state == "any" || state == "active";
  bool show_dropped = state.empty() || state == "any" || state == "dropped";
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("activeTargets").BeginArray();
    if (show_active) {
      for (const scrape::TargetStatus& target : deps_.scrape.active_targets()) {
        if (pool.empty() || target.scrape_pool == pool)
          WriteTarget(json, target, deps_.external_host);
      }
    }
    json.EndArray().Key("droppedTargets").BeginArray();
    for (const scrape::DroppedTarget& target : deps_.scrape.dropped_targets()) {
      if (!show_dropped || (!pool.empty() && target.scrape_pool != pool)) continue;
      json.BeginObject().Key("discoveredLabels");
      WriteMap(json, target.discovered_labels);
      json.Field("scrapePool", target.scrape_pool).EndObject();
    }
    json.EndArray().Key("droppedTargetCounts").BeginObject();
    for (const auto& [name, count] : deps_.scrape.dropped_counts()) json.Field(name, count);
    json.EndObject().EndObject();
  });
}

http::Response Api::TargetsMetadata(const http::Request& request) const {
  auto limit = LimitParam(request);
  if (!limit) return ErrorResponse(limit.error());
  auto selectors = MatchersParam(request, "match_target");
  if (!selectors) return ErrorResponse(selectors.error());
  std::string_view wanted = request.Param("metric");
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginArray();
    size_t written = 0;
    for (const scrape::MetadataEntry& entry : deps_.scrape.metadata()) {
      if (*limit > 0 && written >= *limit) break;
      if (!wanted.empty() && entry.metric != wanted) continue;
      if (!selectors->empty() && !Satisfies(entry.target, selectors->front())) continue;
      ++written;
      json.BeginObject().Key("target");
      WriteLabels(json, entry.target);
      if (wanted.empty()) json.Field("metric", entry.metric);
      json.Field("type", model::ToString(entry.metadata.type)).Field("help", entry.metadata.help);
      json.Field("unit", entry.metadata.unit).EndObject();
    }
    json.EndArray();
  });
}

}  // namespace slurmscope::api
