#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/http_client.h"

namespace slurmscope::config {

// Targets from an HTTP server that answers with a JSON list of target groups.
struct HttpSdConfig {
  std::string url;
  int64_t refresh_interval_ms = 60'000;
  HttpClientConfig http;
};

enum class DnsRecordType { kSrv, kA, kAaaa, kMx, kNs };

struct DnsSdConfig {
  std::vector<std::string> names;
  DnsRecordType type = DnsRecordType::kSrv;
  uint64_t port = 0;  // of the targets; SRV records have their own
  int64_t refresh_interval_ms = 30'000;
};

// Services of a Consul catalog.
struct ConsulSdConfig {
  std::string server = "localhost:8500";
  std::string path_prefix;
  std::string token;
  std::string datacenter;
  std::string consul_namespace;
  std::string partition;
  std::string scheme = "http";
  std::string tag_separator = ",";
  std::vector<std::string> services;  // none: all
  std::vector<std::string> tags;      // that a service must have
  std::map<std::string, std::string> node_meta;
  std::string filter;         // of the catalog
  std::string health_filter;  // of instances
  bool allow_stale = true;
  int64_t refresh_interval_ms = 30'000;
  HttpClientConfig http;
};

// The kinds of discovery that are asked again and again.
struct SdConfigs {
  std::vector<HttpSdConfig> http;
  std::vector<DnsSdConfig> dns;
  std::vector<ConsulSdConfig> consul;
};

}  // namespace slurmscope::config
