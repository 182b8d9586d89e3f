#include "config/remote.h"

#include <array>
#include <set>

#include "base/bytes.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

// All that makes one entry differ from another.
void PutNode(const Node& node, std::string* out) {
  base::PutUvarint(*out, static_cast<uint64_t>(node.kind));
  base::PutUvarintString(*out, node.scalar);
  base::PutUvarint(*out, node.items.size());
  for (const Node& item : node.items) PutNode(item, out);
}

void ReadUrl(MappingReader* reader, std::string* url) {
  reader->String("url", url);
  if (url->empty()) {
    reader->report().Error(reader->node(), reader->Path("url"), "is required");
  } else if (!url->starts_with("http://") && !url->starts_with("https://")) {
    reader->Error("url", "must be an http or https URL");
  }
}

void ReadTimeout(MappingReader* reader, int64_t* timeout_ms) {
  if (reader->DurationMs("remote_timeout", timeout_ms) && *timeout_ms <= 0)
    reader->Error("remote_timeout", "must be more than 0");
}

void ReadHeaderMap(MappingReader* reader, std::map<std::string, std::string>* headers) {
  reader->StringMap("headers", headers);
  for (const auto& [name, value] : *headers) {
    if (std::string_view problem = HeaderProblem(name); !problem.empty())
      reader->Error("headers", StrCat(Quote(name), ": ", problem));
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      reader->Error("headers", StrCat(Quote(name), ": a header's value is one line"));
  }
}

void ReadPositive(MappingReader* reader, std::string_view key, uint64_t limit, uint64_t* out) {
  if (!reader->Unsigned(key, out)) return;
  if (*out == 0) reader->Error(key, "must be more than 0");
  if (*out > limit) reader->Error(key, StrCat("must be at most ", limit));
}

QueueConfig ReadQueue(const Node& node, const std::string& path, Report* report) {
  constexpr uint64_t kMaxSamples = 10'000'000;
  constexpr uint64_t kMaxShards = 10'000;
  MappingReader reader(node, path, report);
  QueueConfig queue;
  ReadPositive(&reader, "capacity", kMaxSamples, &queue.capacity);
  ReadPositive(&reader, "max_shards", kMaxShards, &queue.max_shards);
  ReadPositive(&reader, "min_shards", kMaxShards, &queue.min_shards);
  ReadPositive(&reader, "max_samples_per_send", kMaxSamples, &queue.max_samples_per_send);
  reader.DurationMs("batch_send_deadline", &queue.batch_send_deadline_ms);
  reader.DurationMs("min_backoff", &queue.min_backoff_ms);
  reader.DurationMs("max_backoff", &queue.max_backoff_ms);
  reader.Bool("retry_on_http_429", &queue.retry_on_http_429);
  reader.DurationMs("sample_age_limit", &queue.sample_age_limit_ms);
  reader.Finish();
  if (queue.min_shards > queue.max_shards)
    reader.Error("min_shards", "is more than max_shards, so no number would do");
  if (queue.min_backoff_ms > queue.max_backoff_ms)
    reader.Error("min_backoff", "is longer than max_backoff");
  // A queue that holds less than a request would never fill one.
  if (queue.capacity < queue.max_samples_per_send) queue.capacity = queue.max_samples_per_send;
  return queue;
}

MetadataConfig ReadMetadata(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  MetadataConfig metadata;
  reader.Bool("send", &metadata.send);
  if (reader.DurationMs("send_interval", &metadata.send_interval_ms) &&
      metadata.send_interval_ms <= 0)
    reader.Error("send_interval", "must be more than 0");
  ReadPositive(&reader, "max_samples_per_send", 1'000'000, &metadata.max_samples_per_send);
  reader.Finish();
  return metadata;
}

void ReadMessage(MappingReader* reader, bool* v2) {
  std::string message = "prometheus.WriteRequest";
  reader->String("protobuf_message", &message);
  *v2 = message == "io.prometheus.write.v2.Request";
  if (!*v2 && message != "prometheus.WriteRequest") {
    reader->Error("protobuf_message", StrCat(Quote(message),
                                             " is neither prometheus.WriteRequest nor "
                                             "io.prometheus.write.v2.Request"));
  }
}

RemoteWriteConfig ReadOneWrite(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  RemoteWriteConfig config;
  reader.String("name", &config.name);
  ReadUrl(&reader, &config.url);
  ReadTimeout(&reader, &config.timeout_ms);
  ReadHeaderMap(&reader, &config.headers);
  config.write_relabel_configs = ReadRelabelConfigs(&reader, "write_relabel_configs");
  ReadMessage(&reader, &config.v2);
  reader.Bool("send_exemplars", &config.send_exemplars);
  reader.Bool("send_native_histograms", &config.send_native_histograms);
  reader.Bool("round_robin_dns", &config.round_robin_dns);
  if (const Node* queue = reader.TakeMapping("queue_config"))
    config.queue = ReadQueue(*queue, reader.Path("queue_config"), report);
  if (const Node* metadata = reader.TakeMapping("metadata_config"))
    config.metadata = ReadMetadata(*metadata, reader.Path("metadata_config"), report);
  config.http = ReadHttpClientConfig(&reader);
  WarnOfIdleKeys(&reader, {"failed_request_logging"});
  for (std::string_view key : {"sigv4", "azuread", "google_iam"})
    reader.RefuseIfSet(key, "this version cannot do that; samples would not be taken");
  reader.Finish();
  PutNode(node, &config.identity);
  return config;
}

RemoteReadConfig ReadOneRead(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  RemoteReadConfig config;
  reader.String("name", &config.name);
  ReadUrl(&reader, &config.url);
  ReadTimeout(&reader, &config.timeout_ms);
  reader.Bytes("chunked_read_limit", &config.chunked_read_limit);
  ReadHeaderMap(&reader, &config.headers);
  reader.Bool("read_recent", &config.read_recent);
  reader.StringMap("required_matchers", &config.required_matchers);
  reader.Bool("filter_external_labels", &config.filter_external_labels);
  config.http = ReadHttpClientConfig(&reader);
  reader.Finish();
  for (const auto& [name, value] : config.required_matchers) {
    if (!IsLabelName(name))
      reader.Error("required_matchers", StrCat(Quote(name), " is not a valid label name"));
  }
  return config;
}

// Reads a list of entries that must differ in their names; those without one get one that stays the
// same as long as the URL and the number of entries before it with that URL do.
template <typename Config, typename ReadOne>
std::vector<Config> ReadList(MappingReader* reader, std::string_view key, const ReadOne& read) {
  std::vector<Config> configs;
  const Node* list = reader->TakeList(key);
  std::set<std::string> names;
  std::map<std::string, int> without_name;
  for (size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    const Node& node = list->items[i];
    std::string path = StrCat(reader->Path(key), "[", i, "]");
    if (node.kind == Node::Kind::kNull) {
      reader->report().Error(node, path, "an empty entry");
      continue;
    }
    Config config = read(node, path, &reader->report());
    if (config.name.empty()) {
      constexpr std::string_view kHex = "0123456789abcdef";
      uint64_t hash = base::Hash64(StrCat(config.url, " ", without_name[config.url]++));
      for (int digit = 0; digit < 6; ++digit, hash >>= 4) config.name += kHex[hash & 15];
    }
    if (!names.insert(config.name).second) {
      reader->report().Error(node, StrCat(path, ".name"),
                             StrCat(Quote(config.name), " is the name of another entry"));
    }
    configs.push_back(std::move(config));
  }
  return configs;
}

struct TranslationName {
  std::string_view name;
  OtlpTranslation translation;
};
constexpr std::array<TranslationName, 4> kTranslations = {
    {{"UnderscoreEscapingWithSuffixes", OtlpTranslation::kUnderscoreEscapingWithSuffixes},
     {"NoUTF8EscapingWithSuffixes", OtlpTranslation::kNoUtf8EscapingWithSuffixes},
     {"UnderscoreEscapingWithoutSuffixes", OtlpTranslation::kUnderscoreEscapingWithoutSuffixes},
     {"NoTranslation", OtlpTranslation::kNoTranslation}}};

void ReadTranslation(MappingReader* reader, OtlpTranslation* out) {
  std::string name;
  if (!reader->String("translation_strategy", &name) || name.empty()) return;
  for (const TranslationName& known : kTranslations) {
    if (known.name != name) continue;
    *out = known.translation;
    return;
  }
  reader->Error(
      "translation_strategy",
      StrCat("unknown strategy ", Quote(name), ", known are ", kTranslations[0].name, ", ",
             kTranslations[1].name, ", ", kTranslations[2].name, " and ", kTranslations[3].name));
}

void CheckAttributes(MappingReader* reader, std::string_view key,
                     const std::vector<std::string>& names) {
  std::set<std::string_view> seen;
  for (const std::string& name : names) {
    if (base::TrimSpace(name).empty()) reader->Error(key, "an empty name");
    if (!seen.insert(name).second) reader->Error(key, StrCat(Quote(name), " stands there twice"));
  }
}

}  // namespace

std::vector<RemoteWriteConfig> ReadRemoteWrite(MappingReader* reader) {
  return ReadList<RemoteWriteConfig>(reader, "remote_write", ReadOneWrite);
}

std::vector<RemoteReadConfig> ReadRemoteRead(MappingReader* reader) {
  return ReadList<RemoteReadConfig>(reader, "remote_read", ReadOneRead);
}

OtlpConfig ReadOtlp(const Node& node, Report* report) {
  MappingReader reader(node, "otlp", report);
  OtlpConfig config;
  ReadTranslation(&reader, &config.translation);
  reader.Bool("promote_all_resource_attributes", &config.promote_all_resource_attributes);
  reader.StringList("promote_resource_attributes", &config.promote_resource_attributes);
  reader.StringList("ignore_resource_attributes", &config.ignore_resource_attributes);
  reader.Bool("keep_identifying_resource_attributes", &config.keep_identifying_resource_attributes);
  reader.Bool("convert_histograms_to_nhcb", &config.convert_histograms_to_nhcb);
  reader.Bool("promote_scope_metadata", &config.promote_scope_metadata);
  reader.Bool("label_name_underscore_sanitization", &config.label_name_underscore_sanitization);
  reader.Bool("label_name_preserve_multiple_underscores",
              &config.label_name_preserve_multiple_underscores);
  CheckAttributes(&reader, "promote_resource_attributes", config.promote_resource_attributes);
  CheckAttributes(&reader, "ignore_resource_attributes", config.ignore_resource_attributes);
  if (config.promote_all_resource_attributes && !config.promote_resource_attributes.empty()) {
    reader.Error("promote_resource_attributes",
                 "has no use together with promote_all_resource_attributes");
  }
  if (!config.promote_all_resource_attributes && !config.ignore_resource_attributes.empty()) {
    reader.Error("ignore_resource_attributes", "needs promote_all_resource_attributes");
  }
  reader.Finish();
  return config;
}

}  // namespace slurmscope::config
