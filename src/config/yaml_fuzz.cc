#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/prometheus.h"
#include "config/web.h"
#include "config/yaml.h"

// A configuration, a web configuration, a target file in both forms; and what is shown of a good
// configuration must be YAML again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto config = slurmscope::config::ParsePrometheusConfig(text, "fuzz.yml");
  if (config && !slurmscope::config::ParseYaml(config->text, "shown.yml")) std::abort();
  (void)slurmscope::config::ParseWebConfig(text, "fuzz.yml");
  (void)slurmscope::config::ParseTargetGroups(text, "fuzz.yml");
  (void)slurmscope::config::ParseTargetGroups(text, "fuzz.json");
  return 0;
}
