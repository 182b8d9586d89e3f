#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

AlertmanagerConfig ReadAlertmanager(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  AlertmanagerConfig config;
  reader.String("scheme", &config.scheme);
  if (config.scheme != "http" && config.scheme != "https")
    reader.Error("scheme", StrCat(Quote(config.scheme), " is neither http nor https"));
  reader.String("path_prefix", &config.path_prefix);
  reader.DurationMs("timeout", &config.timeout_ms);
  if (config.timeout_ms <= 0) reader.Error("timeout", "must be more than 0");
  std::string version = "v2";
  reader.String("api_version", &version);
  if (version != "v2") {
    reader.Error("api_version",
                 StrCat("expected Alertmanager api version to be one of [v2] but got ", version));
  }
  config.http = ReadHttpClientConfig(&reader);
  config.relabel_configs = ReadRelabelConfigs(&reader, "relabel_configs");
  config.alert_relabel_configs = ReadRelabelConfigs(&reader, "alert_relabel_configs");
  config.static_configs = ReadStaticConfigs(&reader);
  config.file_sd_configs = ReadFileSdConfigs(&reader);
  reader.RefuseIfSet("sigv4", "this version cannot do that; alerts would not be taken");
  config.sd = ReadSdConfigs(&reader);
  reader.Finish();
  return config;
}

}  // namespace

AlertingConfig ReadAlerting(const Node& node, Report* report) {
  MappingReader reader(node, "alerting", report);
  AlertingConfig config;
  config.alert_relabel_configs = ReadRelabelConfigs(&reader, "alert_relabel_configs");
  const Node* list = reader.TakeList("alertmanagers");
  for (size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    config.alertmanagers.push_back(
        ReadAlertmanager(list->items[i], StrCat("alerting.alertmanagers[", i, "]"), report));
  }
  reader.Finish();
  return config;
}

}  // namespace slurmscope::config
