#include "config/discovery.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

constexpr uint64_t kMaxPort = 65535;

// Every kind of discovery that Prometheus 3.14 has besides those that are taken.
constexpr std::array<std::string_view, 32> kOtherSd = {
    "aws_sd_configs",        "azure_sd_configs",       "digitalocean_sd_configs",
    "docker_sd_configs",     "dockerswarm_sd_configs", "ec2_sd_configs",
    "ecs_sd_configs",        "elasticache_sd_configs", "eureka_sd_configs",
    "gce_sd_configs",        "hetzner_sd_configs",     "ionos_sd_configs",
    "kubernetes_sd_configs", "kuma_sd_configs",        "lightsail_sd_configs",
    "linode_sd_configs",     "marathon_sd_configs",    "msk_sd_configs",
    "nerve_sd_configs",      "nomad_sd_configs",       "oci_sd_configs",
    "openstack_sd_configs",  "outscale_sd_configs",    "ovhcloud_sd_configs",
    "puppetdb_sd_configs",   "rds_sd_configs",         "scaleway_sd_configs",
    "serverset_sd_configs",  "stackit_sd_configs",     "triton_sd_configs",
    "uyuni_sd_configs",      "vultr_sd_configs"};

void ReadRefreshInterval(MappingReader* reader, int64_t* out) {
  reader->DurationMs("refresh_interval", out);
  if (*out <= 0) reader->Error("refresh_interval", "must be more than 0");
}

void CheckScheme(MappingReader* reader, const std::string& scheme) {
  if (scheme == "http" || scheme == "https") return;
  reader->Error("scheme", StrCat(Quote(scheme), " is neither http nor https"));
}

HttpSdConfig ReadHttpSd(MappingReader* reader) {
  HttpSdConfig config;
  reader->String("url", &config.url);
  const size_t scheme = config.url.find("://");
  const std::string_view text = config.url;
  if (text.empty()) {
    reader->Error("url", "a URL is required");
  } else if (scheme == std::string::npos ||
             (text.substr(0, scheme) != "http" && text.substr(0, scheme) != "https")) {
    reader->Error("url", "must begin with http:// or https://");
  } else if (text.size() == scheme + 3 || text[scheme + 3] == '/') {
    reader->Error("url", "has no host");
  }
  ReadRefreshInterval(reader, &config.refresh_interval_ms);
  config.http = ReadHttpClientConfig(reader);
  return config;
}

constexpr std::array<std::string_view, 5> kDnsTypes = {"SRV", "A", "AAAA", "MX", "NS"};

DnsSdConfig ReadDnsSd(MappingReader* reader) {
  DnsSdConfig config;
  reader->StringList("names", &config.names);
  if (config.names.empty()) reader->Error("names", "at least one name is required");
  std::string type = "SRV";
  reader->String("type", &type);
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  auto known = std::find(kDnsTypes.begin(), kDnsTypes.end(), type);
  if (known == kDnsTypes.end()) {
    reader->Error("type", StrCat(Quote(type), " is none of SRV, A, AAAA, MX, NS"));
  } else {
    config.type = static_cast<DnsRecordType>(known - kDnsTypes.begin());
  }
  reader->Unsigned("port", &config.port);
  if (config.port > kMaxPort) reader->Error("port", "must be at most 65535");
  if (config.port == 0 && config.type != DnsRecordType::kSrv)
    reader->Error("port", "a port is required for records other than SRV");
  ReadRefreshInterval(reader, &config.refresh_interval_ms);
  return config;
}

// Consul's own way to give a user; the same as basic_auth.
void ReadConsulUser(MappingReader* reader, HttpClientConfig* http) {
  BasicAuthConfig user;
  reader->String("username", &user.username.text);
  reader->String("password", &user.password.text);
  if (user.username.text.empty() && user.password.text.empty()) return;
  if (http->basic_auth || http->authorization || http->oauth2) {
    reader->Error("username", "there is another way to authenticate already");
    return;
  }
  http->basic_auth = std::move(user);
}

ConsulSdConfig ReadConsulSd(MappingReader* reader) {
  ConsulSdConfig config;
  reader->String("server", &config.server);
  if (config.server.empty()) reader->Error("server", "must not be empty");
  reader->String("path_prefix", &config.path_prefix);
  reader->String("token", &config.token);
  reader->String("datacenter", &config.datacenter);
  reader->String("namespace", &config.consul_namespace);
  reader->String("partition", &config.partition);
  reader->String("scheme", &config.scheme);
  CheckScheme(reader, config.scheme);
  reader->String("tag_separator", &config.tag_separator);
  reader->StringList("services", &config.services);
  reader->StringList("tags", &config.tags);
  reader->StringMap("node_meta", &config.node_meta);
  reader->String("filter", &config.filter);
  reader->String("health_filter", &config.health_filter);
  reader->Bool("allow_stale", &config.allow_stale);
  ReadRefreshInterval(reader, &config.refresh_interval_ms);
  config.http = ReadHttpClientConfig(reader);
  ReadConsulUser(reader, &config.http);
  if (!config.token.empty() && (config.http.authorization || config.http.oauth2))
    reader->Error("token", "there is another way to authenticate already");
  return config;
}

// Each entry of a list of one kind.
template <typename Config>
void ReadList(MappingReader* reader, std::string_view key, Config (*read)(MappingReader*),
              std::vector<Config>* out) {
  const Node* list = reader->TakeList(key);
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    MappingReader entry(list->items[i], StrCat(reader->Path(key), "[", i, "]"), &reader->report());
    out->push_back(read(&entry));
    entry.Finish();
  }
}

}  // namespace

SdConfigs ReadSdConfigs(MappingReader* reader) {
  SdConfigs configs;
  ReadList(reader, "http_sd_configs", &ReadHttpSd, &configs.http);
  ReadList(reader, "dns_sd_configs", &ReadDnsSd, &configs.dns);
  ReadList(reader, "consul_sd_configs", &ReadConsulSd, &configs.consul);
  for (std::string_view key : kOtherSd) {
    reader->RefuseIfSet(key,
                        "this version does not know that kind of discovery; let a small program "
                        "answer with the targets and name it under http_sd_configs (url), or have "
                        "it write a file that file_sd_configs names");
  }
  return configs;
}

}  // namespace slurmscope::config
