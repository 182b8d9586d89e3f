#include <cstddef>
#include <cstdint>
#include <string_view>

#include "discovery/consul_groups.h"

using namespace slurmscope;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  config::ConsulSdConfig config;
  config.tags = {"a"};
  (void)discovery::ConsulServices(json, config);
  (void)discovery::ConsulInstances(json, "service", "dc", ",");
  (void)discovery::ConsulDatacenter(json);
  return 0;
}
