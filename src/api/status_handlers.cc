// /status/*
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "api/api.h"
#include "api/params.h"
#include "api/response.h"
#include "base/duration.h"
#include "base/strings.h"
#include "base/version.h"

namespace slurmscope::api {
namespace {

// The release of Prometheus whose API this is: clients like Grafana choose features by it.
constexpr std::string_view kPrometheusVersion = "3.14.0";

constexpr size_t kDefaultCardinalityRows = 10;
constexpr size_t kMaxCardinalityRows = 10'000;

std::string Hostname() {
  std::array<char, 256> buffer{};
  return gethostname(buffer.data(), buffer.size() - 1) == 0 ? buffer.data() : "";
}

std::string WorkingDirectory() {
  std::array<char, 4096> buffer{};
  return getcwd(buffer.data(), buffer.size()) != nullptr ? buffer.data() : "";
}

void WriteCounts(base::JsonWriter& json, std::string_view key,
                 const std::vector<tsdb::NamedCount>& counts) {
  json.Key(key).BeginArray();
  for (const tsdb::NamedCount& row : counts) {
    json.BeginObject().Field("name", row.name).Field("value", row.count).EndObject();
  }
  json.EndArray();
}

}  // namespace

http::Response Api::StatusConfig(const http::Request&) const {
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Field("yaml", deps_.runtime().config_yaml).EndObject();
  });
}

http::Response Api::StatusFlags(const http::Request&) const {
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject();
    for (const auto& [name, value] : deps_.flags) json.Field(name, value);
    json.EndObject();
  });
}

http::Response Api::StatusBuildinfo(const http::Request&) const {
  return SuccessResponse([](base::JsonWriter& json) {
    json.BeginObject().Field("version", kPrometheusVersion).Field("revision", base::Revision());
    json.Field("branch", base::Branch()).Field("buildUser", "").Field("buildDate", "");
    json.Field("goVersion", base::CompilerVersion());
    json.Field("application", "Slurmscope")
        .Field("applicationVersion", base::Version())
        .EndObject();
  });
}

http::Response Api::StatusRuntimeinfo(const http::Request&) const {
  RuntimeState runtime = deps_.runtime();
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Field("startTime", base::FormatRfc3339Ms(deps_.start_time_ms));
    json.Field("CWD", WorkingDirectory()).Field("hostname", Hostname());
    json.Field("serverTime", base::FormatRfc3339Ms(deps_.clock.NowMs()));
    json.Field("reloadConfigSuccess", runtime.reload_ok);
    json.Field("lastConfigTime", base::FormatRfc3339Ms(runtime.last_reload_ms));
    json.Field("corruptionCount", deps_.db.head_stats().wal_corruptions);
    json.Field("goroutineCount", 0)
        .Field("GOMAXPROCS", static_cast<int>(std::thread::hardware_concurrency()));
    json.Field("GOMEMLIMIT", int64_t{0}).Field("GOGC", "").Field("GODEBUG", "");
    json.Field("storageRetention", deps_.retention).EndObject();
  });
}

http::Response Api::StatusTsdb(const http::Request& request) const {
  auto limit = LimitParam(request);
  if (!limit) return ErrorResponse(limit.error());
  if (*limit > kMaxCardinalityRows) {
    return BadParameter("limit", base::StrCat("must be at most ", kMaxCardinalityRows));
  }
  tsdb::HeadStats head = deps_.db.head_stats();
  tsdb::CardinalityStats top = deps_.db.cardinality(*limit == 0 ? kDefaultCardinalityRows : *limit);
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("headStats").BeginObject();
    json.Field("numSeries", head.series).Field("numLabelPairs", head.label_pairs);
    json.Field("chunkCount", head.chunks)
        .Field("minTime", head.min_time)
        .Field("maxTime", head.max_time);
    json.EndObject();
    WriteCounts(json, "seriesCountByMetricName", top.series_by_metric);
    WriteCounts(json, "labelValueCountByLabelName", top.values_by_label);
    WriteCounts(json, "memoryInBytesByLabelName", top.bytes_by_label);
    WriteCounts(json, "seriesCountByLabelValuePair", top.series_by_pair);
    json.EndObject();
  });
}

http::Response Api::StatusWalReplay(const http::Request&) const {
  uint64_t segments = deps_.db.replay().segments;
  uint64_t last = segments == 0 ? 0 : segments - 1;
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject()
        .Field("min", uint64_t{0})
        .Field("max", last)
        .Field("current", last)
        .EndObject();
  });
}

}  // namespace slurmscope::api
