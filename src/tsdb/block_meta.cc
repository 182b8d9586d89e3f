#include "tsdb/block_meta.h"

#include <algorithm>
#include <functional>

#include "base/bytes.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "tsdb/json_scanner.h"

namespace slurmscope::tsdb {
namespace {

using base::ErrorCode;
using base::Fail;
using base::JsonWriter;
using base::Result;

constexpr int64_t kVersion = 1;
constexpr std::string_view kChecksumMember = "slurmscope";
constexpr std::string_view kChecksumStart = R"(,"slurmscope":{"crc32c":)";

// Of everything before the member that holds it.
bool MatchesChecksum(std::string_view json) {
  size_t end = json.rfind(kChecksumStart);
  if (end == std::string_view::npos) return false;
  std::string_view rest = json.substr(end + kChecksumStart.size());
  auto crc = base::ParseInt<uint32_t>(rest.substr(0, rest.find('}')));
  return crc && *crc == base::Crc32c(json.substr(0, end));
}

void WriteUnknown(JsonWriter& json, const UnknownMembers& members) {
  for (const auto& [key, value] : members) json.Key(key).Raw(value);
}

void WriteStrings(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  json.Key(key).BeginArray();
  for (const std::string& value : values) json.String(value);
  json.EndArray();
}

void WriteStats(JsonWriter& json, const BlockStats& stats) {
  json.Key("stats").BeginObject();
  json.Field("numSamples", stats.samples).Field("numFloatSamples", stats.float_samples);
  if (stats.histogram_samples > 0) json.Field("numHistogramSamples", stats.histogram_samples);
  json.Field("numSeries", stats.series).Field("numChunks", stats.chunks);
  if (stats.tombstones > 0) json.Field("numTombstones", stats.tombstones);
  WriteUnknown(json, stats.unknown);
  json.EndObject();
}

void WriteCompaction(JsonWriter& json, const BlockMeta& meta) {
  json.Key("compaction").BeginObject().Field("level", meta.level);
  WriteStrings(json, "sources", meta.sources);
  if (meta.deletable) json.Field("deletable", true);
  if (!meta.parents.empty()) json.Key("parents").BeginArray();
  for (const BlockParent& parent : meta.parents) {
    json.BeginObject().Field("ulid", parent.ulid).Field("minTime", parent.min_time);
    json.Field("maxTime", parent.max_time).EndObject();
  }
  if (!meta.parents.empty()) json.EndArray();
  if (meta.failed) json.Field("failed", true);
  if (!meta.hints.empty()) WriteStrings(json, "hints", meta.hints);
  WriteUnknown(json, meta.unknown_compaction);
  json.EndObject();
}

Result<void> Wrong(std::string_view key) {
  return Fail(ErrorCode::kCorruption, base::StrCat("member ", base::Quote(key), " makes no sense"));
}

template <typename T>
Result<void> Number(std::string_view key, std::string_view value, T* out) {
  auto parsed = base::ParseInt<T>(value);
  if (!parsed) return Wrong(key);
  *out = *parsed;
  return {};
}

Result<void> Flag(std::string_view key, std::string_view value, bool* out) {
  if (value != "true" && value != "false") return Wrong(key);
  *out = value == "true";
  return {};
}

// null stands for an empty list, as Go writes it.
Result<void> Strings(std::string_view value, std::vector<std::string>* out) {
  if (value == "null") return {};
  return ForEachItem(value, [&](std::string_view item) -> Result<void> {
    out->push_back(TRY(JsonString(item)));
    return {};
  });
}

Result<void> ParseStats(std::string_view json, BlockStats* stats) {
  return ForEachMember(json, [&](const std::string& key, std::string_view value) -> Result<void> {
    if (key == "numSamples") return Number(key, value, &stats->samples);
    if (key == "numFloatSamples") return Number(key, value, &stats->float_samples);
    if (key == "numHistogramSamples") return Number(key, value, &stats->histogram_samples);
    if (key == "numSeries") return Number(key, value, &stats->series);
    if (key == "numChunks") return Number(key, value, &stats->chunks);
    if (key == "numTombstones") return Number(key, value, &stats->tombstones);
    stats->unknown.emplace_back(key, value);
    return {};
  });
}

Result<void> ParseParents(std::string_view json, std::vector<BlockParent>* parents) {
  if (json == "null") return {};
  return ForEachItem(json, [&](std::string_view item) -> Result<void> {
    BlockParent parent;
    auto member = [&](const std::string& key, std::string_view value) -> Result<void> {
      if (key == "ulid") parent.ulid = TRY(JsonString(value));
      if (key == "minTime") return Number(key, value, &parent.min_time);
      if (key == "maxTime") return Number(key, value, &parent.max_time);
      return {};
    };
    TRY(ForEachMember(item, member));
    parents->push_back(std::move(parent));
    return {};
  });
}

Result<void> ParseCompaction(std::string_view json, BlockMeta* meta) {
  return ForEachMember(json, [&](const std::string& key, std::string_view value) -> Result<void> {
    if (key == "level") return Number(key, value, &meta->level);
    if (key == "sources") return Strings(value, &meta->sources);
    if (key == "parents") return ParseParents(value, &meta->parents);
    if (key == "hints") return Strings(value, &meta->hints);
    if (key == "deletable") return Flag(key, value, &meta->deletable);
    if (key == "failed") return Flag(key, value, &meta->failed);
    meta->unknown_compaction.emplace_back(key, value);
    return {};
  });
}

}  // namespace

bool FromOutOfOrder(const BlockMeta& meta) {
  return std::find(meta.hints.begin(), meta.hints.end(), kOutOfOrderHint) != meta.hints.end();
}

std::string WriteBlockMeta(const BlockMeta& meta) {
  std::string out;
  JsonWriter json(out);
  json.BeginObject().Field("ulid", meta.ulid);
  json.Field("minTime", meta.min_time).Field("maxTime", meta.max_time);
  WriteStats(json, meta.stats);
  WriteCompaction(json, meta);
  json.Field("version", kVersion);
  WriteUnknown(json, meta.unknown);
  uint32_t crc = base::Crc32c(out);
  json.Key(kChecksumMember).BeginObject().Field("crc32c", uint64_t{crc}).EndObject();
  json.EndObject();
  return out + "\n";
}

Result<BlockMeta> ParseBlockMeta(std::string_view json) {
  BlockMeta meta;
  int64_t version = 0;
  auto member = [&](const std::string& key, std::string_view value) -> Result<void> {
    if (key == "ulid")
      meta.ulid = TRY(JsonString(value));
    else if (key == "minTime")
      TRY(Number(key, value, &meta.min_time));
    else if (key == "maxTime")
      TRY(Number(key, value, &meta.max_time));
    else if (key == "stats")
      TRY(ParseStats(value, &meta.stats));
    else if (key == "compaction")
      TRY(ParseCompaction(value, &meta));
    else if (key == "version")
      TRY(Number(key, value, &version));
    else if (key == kChecksumMember)
      meta.doubtful = !MatchesChecksum(json);
    else
      meta.unknown.emplace_back(key, value);
    return {};
  };
  TRY(ForEachMember(json, member));
  if (version != kVersion) {
    return Fail(ErrorCode::kCorruption, base::StrCat("version ", version, " is not supported"));
  }
  if (meta.ulid.empty() || meta.min_time > meta.max_time || meta.level < 0) {
    return Fail(ErrorCode::kCorruption, "not the description of a block");
  }
  return meta;
}

}  // namespace slurmscope::tsdb
