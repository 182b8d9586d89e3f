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
#include "tsdb/block_meta.h"

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

// As the block's meta.json.
void WriteBlock(base::JsonWriter& json, const tsdb::BlockMeta& meta) {
  json.BeginObject().Field("ulid", meta.ulid).Field("minTime", meta.min_time);
  json.Field("maxTime", meta.max_time).Key("stats").BeginObject();
  const tsdb::BlockStats& stats = meta.stats;
  for (const auto& [key, value] : {std::pair("numSamples", stats.samples),
                                   {"numFloatSamples", stats.float_samples},
                                   {"numHistogramSamples", stats.histogram_samples},
                                   {"numSeries", stats.series},
                                   {"numChunks", stats.chunks},
                                   {"numTombstones", stats.tombstones}}) {
    if (value > 0) json.Field(key, value);
  }
  json.EndObject().Key("compaction").BeginObject().Field("level", meta.level);
  auto list = [&](std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    json.Key(key).BeginArray();
    for (const std::string& text : texts) json.String(text);
    json.EndArray();
  };
  list("sources", meta.sources);
  if (!meta.parents.empty()) {
    json.Key("parents").BeginArray();
    for (const tsdb::BlockParent& parent : meta.parents) {
      json.BeginObject().Field("ulid", parent.ulid).Field("minTime", parent.min_time);
      json.Field("maxTime", parent.max_time).EndObject();
    }
    json.EndArray();
  }
  list("hints", meta.hints);
  json.EndObject().Field("version", 1).EndObject();
}

void WriteBuildInfo(base::JsonWriter& json) {
  json.BeginObject().Field("version", kPrometheusVersion).Field("revision", base::Revision());
  json.Field("branch", base::Branch()).Field("buildUser", "").Field("buildDate", "");
  json.Field("goVersion", base::CompilerVersion());
  json.Field("application", "Slurmscope").Field("applicationVersion", base::Version()).EndObject();
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
  return SuccessResponse(&WriteBuildInfo);
}

// The same without the frame of the API, as Prometheus has it beside it.
http::Response Api::VersionPage(const http::Request&) const {
  std::string body;
  base::JsonWriter json(body);
  WriteBuildInfo(json);
  return http::Response::Json(200, std::move(body));
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

void RegisterWalReplay(http::Router& router, const tsdb::ReplayProgress& progress) {
  router.Add("GET", "/api/v1/status/walreplay", [&progress](const http::Request&) {
    return SuccessResponse([&](base::JsonWriter& json) {
      json.BeginObject().Field("min", progress.first.load());
      json.Field("max", progress.last.load()).Field("current", progress.current.load());
      json.EndObject();
    });
  });
}

http::Response Api::StatusTsdbBlocks(const http::Request&) const {
  return SuccessResponse([&](base::JsonWriter& json) {
    json.BeginObject().Key("blocks").BeginArray();
    for (const tsdb::BlockMeta& meta : deps_.db.blocks()) WriteBlock(json, meta);
    json.EndArray().EndObject();
  });
}

}  // namespace slurmscope::api
