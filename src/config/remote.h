#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/http_client.h"
#include "config/relabel.h"

namespace slurmscope::config {

struct QueueConfig {
  uint64_t capacity = 10'000;  // samples that wait in one shard
  uint64_t max_shards = 50;
  uint64_t min_shards = 1;
  uint64_t max_samples_per_send = 2'000;
  int64_t batch_send_deadline_ms = 5'000;
  int64_t min_backoff_ms = 30;
  int64_t max_backoff_ms = 5'000;
  bool retry_on_http_429 = false;
  int64_t sample_age_limit_ms = 0;  // 0: none
};

struct MetadataConfig {
  bool send = true;  // in messages of their own, with protobuf_message 1.0 only
  int64_t send_interval_ms = 60'000;
  uint64_t max_samples_per_send = 2'000;
};

// Where samples are sent to.
struct RemoteWriteConfig {
  std::string name;  // given, or made from the rest: never empty, and no two are the same
  std::string url;
  int64_t timeout_ms = 30'000;
  std::map<std::string, std::string> headers;
  std::vector<RelabelConfig> write_relabel_configs;
  bool v2 = false;              // protobuf_message io.prometheus.write.v2.Request
  bool send_exemplars = false;  // by 2.0 they and histograms are always sent
  bool send_native_histograms = false;
  bool round_robin_dns = false;
  QueueConfig queue;
  MetadataConfig metadata;
  HttpClientConfig http;
  // Differs where the entries of two configurations do. It holds secrets.
  std::string identity;
};

// Where samples are read from.
struct RemoteReadConfig {
  std::string name;  // as above
  std::string url;
  int64_t timeout_ms = 60'000;
  uint64_t chunked_read_limit = 50 << 20;  // bytes of one frame
  std::map<std::string, std::string> headers;
  bool read_recent = false;
  std::map<std::string, std::string> required_matchers;
  bool filter_external_labels = true;
  HttpClientConfig http;
};

// How names of OTLP become names of Prometheus.
enum class OtlpTranslation {
  kUnderscoreEscapingWithSuffixes,
  kNoUtf8EscapingWithSuffixes,
  kUnderscoreEscapingWithoutSuffixes,
  kNoTranslation,
};

struct OtlpConfig {
  OtlpTranslation translation = OtlpTranslation::kUnderscoreEscapingWithSuffixes;
  bool promote_all_resource_attributes = false;
  std::vector<std::string> promote_resource_attributes;
  std::vector<std::string> ignore_resource_attributes;  // of all that would be promoted
  bool keep_identifying_resource_attributes = false;
  bool convert_histograms_to_nhcb = false;
  bool promote_scope_metadata = false;
  bool label_name_underscore_sanitization = true;
  bool label_name_preserve_multiple_underscores = true;
};

}  // namespace slurmscope::config
