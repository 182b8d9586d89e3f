#include "config/prometheus.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "base/duration.h"
#include "base/file.h"
#include "base/glob.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::ErrorCode;
using base::Quote;
using base::StrCat;

constexpr uint64_t kMaxFileBytes = 16 << 20;
constexpr int64_t kDefaultScrapeTimeoutMs = 10'000;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// What ${NAME} or $NAME at the start of `text` (after the '$') is: the name, and how many bytes it
// takes.
struct Reference {
  std::string_view name;
  size_t length;
};
Reference ReadReference(std::string_view text) {
  if (text.starts_with('{')) {
    size_t end = text.find('}');
    if (end == std::string_view::npos) return {{}, 1};
    return {text.substr(1, end - 1), end + 1};
  }
  size_t n = 0;
  while (n < text.size() && IsNameCharacter(text[n])) ++n;
  return {text.substr(0, n), n};
}

// Values of the environment for $NAME and ${NAME}, "$" for "$$"; a name that is not set gives
// nothing.
std::string ExpandEnvironment(std::string_view text, std::vector<std::string>* missing) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    Reference reference = ReadReference(text.substr(i + 1));
    if (reference.length == 0) out += '$';
    i += reference.length;
    if (reference.name.empty()) continue;
    const char* value = std::getenv(std::string(reference.name).c_str());
    if (value == nullptr) missing->emplace_back(reference.name);
    out += value == nullptr ? "" : value;
  }
  return out;
}

void ReadExternalLabels(MappingReader* reader, GlobalConfig* global) {
  reader->StringMap("external_labels", &global->external_labels);
  for (auto& [name, value] : global->external_labels) {
    if (!IsLabelName(name))
      reader->Error("external_labels", StrCat(Quote(name), " is not a valid label name"));
    std::vector<std::string> missing;
    value = ExpandEnvironment(value, &missing);
    if (!base::IsValidUtf8(value))
      reader->Error("external_labels", "a value that is not UTF-8 text");
    const Node* node = reader->node().Find("external_labels");
    for (const std::string& variable : missing) {
      reader->report().Warn(
          *node, reader->Path(StrCat("external_labels.", name)),
          StrCat("environment variable ", Quote(variable), " is not set, taken as empty"));
    }
  }
}

void ReadGlobalTimes(MappingReader* reader, GlobalConfig* global) {
  GlobalConfig defaults;
  int64_t timeout = 0;
  reader->DurationMs("scrape_interval", &global->scrape_interval_ms);
  reader->DurationMs("evaluation_interval", &global->evaluation_interval_ms);
  reader->DurationMs("rule_query_offset", &global->rule_query_offset_ms);
  reader->DurationMs("scrape_timeout", &timeout);
  if (global->scrape_interval_ms == 0) global->scrape_interval_ms = defaults.scrape_interval_ms;
  if (global->evaluation_interval_ms == 0)
    global->evaluation_interval_ms = defaults.evaluation_interval_ms;
  if (timeout > global->scrape_interval_ms) {
    reader->Error("scrape_timeout", StrCat(base::FormatDurationMs(timeout),
                                           " is greater than the scrape interval of ",
                                           base::FormatDurationMs(global->scrape_interval_ms)));
  }
  global->scrape_timeout_ms =
      timeout != 0 ? timeout : std::min(kDefaultScrapeTimeoutMs, global->scrape_interval_ms);
}

// Keys that a widely copied guide puts here by mistake; Prometheus refuses to start on them.
void ReadMisplacedGlobalKeys(MappingReader* reader, StorageConfig* storage) {
  if (reader->DurationMs("retention_time", &storage->retention_time_ms)) {
    reader->WarnIfSet("retention_time",
                      "no key of Prometheus; taken as storage.tsdb.retention.time, which is the "
                      "right place (or the flag --storage.tsdb.retention.time)");
  }
  reader->WarnIfSet(
      "storage.tsdb.max_block_duration",
      "no key of Prometheus and has no effect; blocks grow to a tenth of the retention time by "
      "themselves (the right form is the flag --storage.tsdb.max-block-duration)");
}

void ReadGlobal(const Node& node, PrometheusConfig* config, LimitConfig* limits, Report* report) {
  MappingReader reader(node, "global", report);
  ReadGlobalTimes(&reader, &config->global);
  ReadExternalLabels(&reader, &config->global);
  if (reader.String("query_log_file", &config->global.query_log_file)) {
    config->global.query_log_file = Absolute(config->global.query_log_file, report->file());
  }
  *limits = ReadLimits(&reader);
  config->global.negotiation = ReadNegotiation(&reader, {});
  if (reader.String("scrape_failure_log_file", &config->global.scrape_failure_log_file)) {
    config->global.scrape_failure_log_file =
        Absolute(config->global.scrape_failure_log_file, report->file());
  }
  ReadMisplacedGlobalKeys(&reader, &config->storage);
  reader.Finish();
}

void ReadStorage(const Node& node, StorageConfig* storage, Report* report) {
  MappingReader reader(node, "storage", report);
  if (const Node* exemplars_node = reader.TakeMapping("exemplars")) {
    MappingReader exemplars(*exemplars_node, "storage.exemplars", report);
    exemplars.Unsigned("max_exemplars", &storage->max_exemplars);
    exemplars.Finish();
  }
  if (const Node* tsdb_node = reader.TakeMapping("tsdb")) {
    MappingReader tsdb(*tsdb_node, "storage.tsdb", report);
    tsdb.DurationMs("out_of_order_time_window", &storage->out_of_order_window_ms);
    WarnOfIdleKeys(&tsdb, {"stale_series_compaction_threshold", "chunk_encoding"});
    if (const Node* retention_node = tsdb.TakeMapping("retention")) {
      MappingReader retention(*retention_node, "storage.tsdb.retention", report);
      retention.DurationMs("time", &storage->retention_time_ms);
      retention.Bytes("size", &storage->retention_size);
      WarnOfIdleKeys(&retention, {"percentage"});
      retention.Finish();
    }
    tsdb.Finish();
  }
  reader.Finish();
}

// Where a job of each name is.
using JobPlaces = std::map<std::string, std::string>;

void ReadScrapeConfigs(MappingReader* reader, const LimitConfig& limits, JobPlaces* places,
                       PrometheusConfig* config) {
  const Node* list = reader->TakeList("scrape_configs");
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const Node& node = list->items[i];
    std::string path = StrCat("scrape_configs[", i, "]");
    if (node.kind == Node::Kind::kNull) {
      reader->report().Error(node, path, "an empty scrape configuration");
      continue;
    }
    ScrapeConfig job = ReadScrapeConfig(node, path, config->global, limits, &reader->report());
    std::string place = StrCat("line ", node.line, " of ", reader->report().file());
    auto [it, fresh] = places->emplace(job.job_name, std::move(place));
    if (!fresh && !job.job_name.empty()) {
      reader->report().Error(
          *node.Find("job_name"), StrCat(path, ".job_name"),
          StrCat("job name ", Quote(job.job_name), " is taken by the job in ", it->second));
    }
    config->scrape_configs.push_back(std::move(job));
  }
}

// A widely copied guide writes its rules to these places and forgets to name them.
constexpr std::array<std::string_view, 3> kDefaultRuleFiles = {"alerts.yml", "rules/*.yml",
                                                               "rules/*.yaml"};

void ReadRuleFiles(MappingReader* reader, PrometheusConfig* config) {
  const std::string& config_file = reader->report().file();
  if (reader->StringList("rule_files", &config->rule_files)) {
    for (std::string& file : config->rule_files) file = Absolute(file, config_file);
    return;
  }
  if (reader->node().Find("rule_files") != nullptr) return;
  for (std::string_view name : kDefaultRuleFiles) {
    std::string glob = Absolute(std::string(name), config_file);
    if (base::Glob(glob, 1).empty()) continue;
    reader->report().Warn(reader->node(), "rule_files",
                          StrCat("not given; ", glob, " is read (the right form is rule_files: [",
                                 Quote(name), "])"));
    config->rule_files.push_back(std::move(glob));
  }
}

void HandleOtherTopKeys(MappingReader* reader) {
  WarnOfIdleKeys(reader, {"runtime", "tracing"});
  reader->WarnIfSet("tls_config",
                    "no key of Prometheus at this place and has no effect; the server's TLS is "
                    "tls_server_config in the file of --web.config.file");
  reader->WarnIfSet("basic_auth_config",
                    "no key of Prometheus and has no effect; users of the server are "
                    "basic_auth_users in the file of --web.config.file");
}

constexpr size_t kMaxScrapeConfigFiles = 10'000;

// One of scrape_config_files: a mapping with nothing but scrape_configs.
Result<void> ReadScrapeConfigFile(const std::string& path, const LimitConfig& limits,
                                  JobPlaces* places, PrometheusConfig* config) {
  std::string text = TRY(base::ReadFile(path, kMaxFileBytes));
  Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  ReadScrapeConfigs(&reader, limits, places, config);
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  for (std::string& warning : report.TakeWarnings()) config->warnings.push_back(std::move(warning));
  return {};
}

// All of them are read, so that all problems are told.
Result<void> ReadScrapeConfigFiles(const LimitConfig& limits, JobPlaces* places,
                                   PrometheusConfig* config) {
  std::string problems;
  for (const std::string& glob : config->scrape_config_files) {
    for (const std::string& path : base::Glob(glob, kMaxScrapeConfigFiles)) {
      auto read = ReadScrapeConfigFile(path, limits, places, config);
      if (!read) base::StrAppend(problems, problems.empty() ? "" : "\n", read.error().message());
    }
  }
  if (problems.empty()) return {};
  return base::Fail(ErrorCode::kInvalidArgument, std::move(problems));
}

// "x.yaml" for "x.yml" and the other way round; empty for other names.
std::string OtherEnding(const std::string& path) {
  if (path.ends_with(".yml")) return path.substr(0, path.size() - 4) + ".yaml";
  if (path.ends_with(".yaml")) return path.substr(0, path.size() - 5) + ".yml";
  return {};
}

}  // namespace

Result<PrometheusConfig> ParsePrometheusConfig(std::string_view text, const std::string& path) {
  Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  PrometheusConfig config;
  LimitConfig limits;
  const Node* global = reader.TakeMapping("global");
  const Node none;
  ReadGlobal(global == nullptr ? none : *global, &config, &limits, &report);
  JobPlaces places;
  ReadScrapeConfigs(&reader, limits, &places, &config);
  reader.StringList("scrape_config_files", &config.scrape_config_files);
  for (std::string& file : config.scrape_config_files) file = Absolute(file, path);
  ReadRuleFiles(&reader, &config);
  if (const Node* storage = reader.TakeMapping("storage"))
    ReadStorage(*storage, &config.storage, &report);
  if (const Node* alerting = reader.TakeMapping("alerting"))
    config.alerting = ReadAlerting(*alerting, &report);
  config.remote_write = ReadRemoteWrite(&reader);
  config.remote_read = ReadRemoteRead(&reader);
  if (const Node* otlp = reader.TakeMapping("otlp")) config.otlp = ReadOtlp(*otlp, &report);
  HandleOtherTopKeys(&reader);
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  config.text = ToRedactedYaml(root);
  config.warnings = report.TakeWarnings();
  TRY(ReadScrapeConfigFiles(limits, &places, &config));
  return config;
}

Result<PrometheusConfig> LoadPrometheusConfig(const std::string& path) {
  auto text = base::ReadFile(path, kMaxFileBytes);
  if (text) return ParsePrometheusConfig(*text, path);
  std::string other = OtherEnding(path);
  if (text.error().code() != ErrorCode::kNotFound || other.empty()) return base::Fail(text.error());
  auto other_text = base::ReadFile(other, kMaxFileBytes);
  if (!other_text) return base::Fail(text.error());
  PrometheusConfig config = TRY(ParsePrometheusConfig(*other_text, other));
  config.warnings.insert(config.warnings.begin(),
                         StrCat(path, ": not found, read ", other, " instead"));
  return config;
}

}  // namespace slurmscope::config
