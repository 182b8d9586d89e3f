#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/prometheus.h"

// What Consul's HTTP API answers (https://developer.hashicorp.com/consul/api-docs), for the
// discovery of services.
namespace slurmscope::discovery {

// The names of /v1/catalog/services that the configuration asks for: those of `services` (all when
// it names none) that have all `tags`.
base::Result<std::vector<std::string>> ConsulServices(std::string_view json,
                                                      const config::ConsulSdConfig& config);

// The instances of /v1/health/service/NAME, each a group of one target with the labels that
// Prometheus gives it.
base::Result<std::vector<config::TargetGroup>> ConsulInstances(std::string_view json,
                                                               const std::string& service,
                                                               const std::string& datacenter,
                                                               std::string_view tag_separator);

// The data center of /v1/agent/self.
base::Result<std::string> ConsulDatacenter(std::string_view json);

}  // namespace slurmscope::discovery
