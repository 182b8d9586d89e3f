#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/http_client.h"
#include "config/prometheus.h"
#include "config/walker.h"

// The parts of prometheus.yml, each read from its node. Problems go to the report; what is returned
// in their presence is not to be used.
namespace slurmscope::config {

// Limits of a job that have a default under `global`.
struct LimitConfig {
  uint64_t body_size_limit = 0;
  uint64_t sample_limit = 0;
  uint64_t target_limit = 0;
  uint64_t label_limit = 0;
  uint64_t label_name_length_limit = 0;
  uint64_t label_value_length_limit = 0;
  uint64_t keep_dropped_targets = 0;
};
LimitConfig ReadLimits(MappingReader* reader);

// Both take the keys that are there over what is given; the fallback is a key of jobs only.
NegotiationConfig ReadNegotiation(MappingReader* reader, const NegotiationConfig& defaults);
void ReadFallbackProtocol(MappingReader* reader, NegotiationConfig* config);

std::vector<RelabelConfig> ReadRelabelConfigs(MappingReader* reader, std::string_view key);

ScrapeConfig ReadScrapeConfig(const Node& node, const std::string& path, const GlobalConfig& global,
                              const LimitConfig& limits, Report* report);

TargetGroup ReadTargetGroup(const Node& node, const std::string& path, Report* report);

std::vector<TargetGroup> ReadStaticConfigs(MappingReader* reader);
std::vector<FileSdConfig> ReadFileSdConfigs(MappingReader* reader);

// The kinds that are asked by network; refuses those that Prometheus has besides all these.
SdConfigs ReadSdConfigs(MappingReader* reader);

// `text_key` or `file_key`, not both; the file becomes absolute.
void ReadTextOrFile(MappingReader* reader, std::string_view text_key, std::string_view file_key,
                    TextOrFile* out);
void ReadTlsVersion(MappingReader* reader, std::string_view key, TlsVersion* out);

// The keys of `http_config`, which stand among those of a job or an Alertmanager.
HttpClientConfig ReadHttpClientConfig(MappingReader* reader);

// What keeps a configuration from setting this header itself; empty when nothing does.
std::string_view HeaderProblem(std::string_view name);

AlertingConfig ReadAlerting(const Node& node, Report* report);

// The lists of the top level, each entry with a name of its own.
std::vector<RemoteWriteConfig> ReadRemoteWrite(MappingReader* reader);
std::vector<RemoteReadConfig> ReadRemoteRead(MappingReader* reader);
OtlpConfig ReadOtlp(const Node& node, Report* report);

// Non-empty UTF-8, as Prometheus 3 takes label names.
bool IsLabelName(std::string_view name);

// `path` seen from the directory of `config_file`, absolute and without "." and "..".
std::string Absolute(const std::string& path, const std::string& config_file);

// Keys that Prometheus knows and that change nothing which this version does.
void WarnOfIdleKeys(MappingReader* reader, std::initializer_list<std::string_view> keys);

}  // namespace slurmscope::config
