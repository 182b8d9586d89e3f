#include <algorithm>
#include <array>
#include <filesystem>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

// The only form of a target is host or host:port.
void CheckTarget(const Node& at, const std::string& path, const std::string& target,
                 Report* report) {
  if (target.empty()) report->Error(at, path, "an empty target");
  if (target.find('/') != std::string::npos) {
    report->Error(at, path,
                  StrCat(Quote(target),
                         " is not a valid hostname: give host:port, and scheme and metrics_path "
                         "as keys of the job"));
  }
}

bool HasTargetFileEnding(std::string_view path) {
  constexpr std::array<std::string_view, 6> kEndings = {".json", ".yml", ".yaml",
                                                        ".JSON", ".YML", ".YAML"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view e) { return path.ends_with(e); });
}

FileSdConfig ReadFileSdConfig(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  FileSdConfig config;
  reader.StringList("files", &config.files);
  reader.DurationMs("refresh_interval", &config.refresh_interval_ms);
  reader.Finish();
  if (config.files.empty()) reader.Error("files", "at least one file name is required");
  if (config.refresh_interval_ms <= 0) reader.Error("refresh_interval", "must be more than 0");
  for (std::string& file : config.files) {
    if (!HasTargetFileEnding(file)) {
      reader.Error("files", StrCat(Quote(file), " does not end in .yml, .yaml or .json"));
    }
    file = Absolute(file, report->file());
  }
  return config;
}

std::map<std::string, std::vector<std::string>> ReadParams(MappingReader* reader) {
  std::map<std::string, std::vector<std::string>> params;
  const Node* node = reader->TakeMapping("params");
  if (node == nullptr) return params;
  MappingReader values(*node, reader->Path("params"), &reader->report());
  for (size_t i = 0; i + 1 < node->items.size(); i += 2) {
    values.StringList(node->items[i].scalar, &params[node->items[i].scalar]);
  }
  return params;
}

void ReadTimes(MappingReader* reader, const GlobalConfig& global, ScrapeConfig* config) {
  reader->DurationMs("scrape_interval", &config->scrape_interval_ms);
  reader->DurationMs("scrape_timeout", &config->scrape_timeout_ms);
  if (config->scrape_interval_ms == 0) config->scrape_interval_ms = global.scrape_interval_ms;
  if (config->scrape_timeout_ms == 0) {
    config->scrape_timeout_ms = std::min(global.scrape_timeout_ms, config->scrape_interval_ms);
  }
  if (config->scrape_timeout_ms > config->scrape_interval_ms) {
    reader->Error("scrape_timeout", StrCat(base::FormatDurationMs(config->scrape_timeout_ms),
                                           " is greater than the scrape interval of ",
                                           base::FormatDurationMs(config->scrape_interval_ms)));
  }
}

void ReadHttp(MappingReader* reader, ScrapeConfig* config) {
  reader->String("metrics_path", &config->metrics_path);
  if (!config->metrics_path.starts_with('/')) config->metrics_path.insert(0, "/");
  reader->String("scheme", &config->scheme);
  if (config->scheme != "http" && config->scheme != "https") {
    reader->Error("scheme", StrCat(Quote(config->scheme), " is neither http nor https"));
  }
  config->params = ReadParams(reader);
  reader->Bool("enable_compression", &config->enable_compression);
  config->http = ReadHttpClientConfig(reader);
}

void ReadScrapeLimits(MappingReader* reader, const LimitConfig& defaults, ScrapeConfig* config) {
  LimitConfig own = ReadLimits(reader);
  auto pick = [](uint64_t value, uint64_t fallback) { return value != 0 ? value : fallback; };
  config->body_size_limit = pick(own.body_size_limit, defaults.body_size_limit);
  config->sample_limit = pick(own.sample_limit, defaults.sample_limit);
  config->target_limit = pick(own.target_limit, defaults.target_limit);
  config->label_limit = pick(own.label_limit, defaults.label_limit);
  config->label_name_length_limit =
      pick(own.label_name_length_limit, defaults.label_name_length_limit);
  config->label_value_length_limit =
      pick(own.label_value_length_limit, defaults.label_value_length_limit);
  config->keep_dropped_targets = pick(own.keep_dropped_targets, defaults.keep_dropped_targets);
}

void ReadHistogramLimits(MappingReader* reader, ScrapeConfig* config) {
  reader->Unsigned("native_histogram_bucket_limit", &config->native_histogram_bucket_limit);
  constexpr std::string_view kFactor = "native_histogram_min_bucket_factor";
  std::string factor;
  if (!reader->String(kFactor, &factor)) return;
  auto value = base::ParseFloat(factor);
  if (!value || *value < 0) {
    reader->Error(kFactor, StrCat(Quote(factor), " is not a number of 0 or more"));
    return;
  }
  config->native_histogram_min_bucket_factor = *value;
}

}  // namespace

std::vector<TargetGroup> ReadStaticConfigs(MappingReader* reader) {
  std::vector<TargetGroup> groups;
  const Node* list = reader->TakeList("static_configs");
  if (list == nullptr) return groups;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const Node& node = list->items[i];
    std::string path = StrCat(reader->Path("static_configs"), "[", i, "]");
    TargetGroup group = ReadTargetGroup(node, path, &reader->report());
    const Node* targets = node.Find("targets");
    for (size_t t = 0; targets != nullptr && t < targets->items.size(); ++t) {
      const Node& target = targets->items[t];
      if (target.kind != Node::Kind::kScalar) continue;
      CheckTarget(target, StrCat(path, ".targets[", t, "]"), target.scalar, &reader->report());
    }
    group.source = StrCat(i);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<FileSdConfig> ReadFileSdConfigs(MappingReader* reader) {
  std::vector<FileSdConfig> configs;
  const Node* list = reader->TakeList("file_sd_configs");
  if (list == nullptr) return configs;
  for (size_t i = 0; i < list->items.size(); ++i) {
    std::string path = StrCat(reader->Path("file_sd_configs"), "[", i, "]");
    configs.push_back(ReadFileSdConfig(list->items[i], path, &reader->report()));
  }
  return configs;
}

LimitConfig ReadLimits(MappingReader* reader) {
  LimitConfig limits;
  reader->Bytes("body_size_limit", &limits.body_size_limit);
  reader->Unsigned("sample_limit", &limits.sample_limit);
  reader->Unsigned("target_limit", &limits.target_limit);
  reader->Unsigned("label_limit", &limits.label_limit);
  reader->Unsigned("label_name_length_limit", &limits.label_name_length_limit);
  reader->Unsigned("label_value_length_limit", &limits.label_value_length_limit);
  reader->Unsigned("keep_dropped_targets", &limits.keep_dropped_targets);
  return limits;
}

ScrapeConfig ReadScrapeConfig(const Node& node, const std::string& path, const GlobalConfig& global,
                              const LimitConfig& limits, Report* report) {
  MappingReader reader(node, path, report);
  ScrapeConfig config;
  reader.String("job_name", &config.job_name);
  if (config.job_name.empty()) reader.Error("job_name", "a job requires a name");
  ReadTimes(&reader, global, &config);
  ReadHttp(&reader, &config);
  config.negotiation = ReadNegotiation(&reader, global.negotiation);
  ReadFallbackProtocol(&reader, &config.negotiation);
  reader.Bool("honor_labels", &config.honor_labels);
  reader.Bool("honor_timestamps", &config.honor_timestamps);
  reader.Bool("track_timestamps_staleness", &config.track_timestamps_staleness);
  ReadScrapeLimits(&reader, limits, &config);
  config.relabel_configs = ReadRelabelConfigs(&reader, "relabel_configs");
  config.metric_relabel_configs = ReadRelabelConfigs(&reader, "metric_relabel_configs");
  config.static_configs = ReadStaticConfigs(&reader);
  config.file_sd_configs = ReadFileSdConfigs(&reader);
  config.sd = ReadSdConfigs(&reader);
  ReadHistogramLimits(&reader, &config);
  if (reader.String("scrape_failure_log_file", &config.scrape_failure_log_file)) {
    config.scrape_failure_log_file = Absolute(config.scrape_failure_log_file, report->file());
  } else {
    config.scrape_failure_log_file = global.scrape_failure_log_file;
  }
  reader.Finish();
  config.text = ToRedactedYaml(node);
  return config;
}

std::string Absolute(const std::string& path, const std::string& config_file) {
  namespace fs = std::filesystem;
  if (path.empty()) return path;
  std::error_code ignored;
  fs::path directory = fs::absolute(fs::path(config_file), ignored).parent_path();
  return (directory / path).lexically_normal().string();
}

void WarnOfIdleKeys(MappingReader* reader, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) reader->WarnIfSet(key, "has no effect in this version");
}

}  // namespace slurmscope::config
