#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

void ReadBasicAuth(const Node& node, const std::string& path, AuthConfig* auth, Report* report) {
  MappingReader reader(node, path, report);
  auth->kind = AuthConfig::Kind::kBasic;
  reader.String("username", &auth->username);
  reader.String("username_file", &auth->username_file);
  reader.String("password", &auth->secret);
  reader.String("password_file", &auth->secret_file);
  reader.Finish();
  if (!auth->username.empty() && !auth->username_file.empty())
    reader.Error("username_file", "at most one of username and username_file may be given");
  if (!auth->secret.empty() && !auth->secret_file.empty())
    reader.Error("password_file", "at most one of password and password_file may be given");
}

void ReadAuthorization(const Node& node, const std::string& path, AuthConfig* auth,
                       Report* report) {
  MappingReader reader(node, path, report);
  auth->kind = AuthConfig::Kind::kHeader;
  reader.String("type", &auth->type);
  reader.String("credentials", &auth->secret);
  reader.String("credentials_file", &auth->secret_file);
  reader.Finish();
  if (!auth->secret.empty() && !auth->secret_file.empty()) {
    reader.Error("credentials_file",
                 "at most one of credentials and credentials_file may be given");
  }
  if (auth->type.empty() || auth->type.find_first_of(" \t\r\n") != std::string::npos)
    reader.Error("type", "must be one word");
}

}  // namespace

AuthConfig ReadAuth(MappingReader* reader) {
  AuthConfig auth;
  int given = 0;
  if (const Node* basic = reader->TakeMapping("basic_auth")) {
    ++given;
    ReadBasicAuth(*basic, reader->Path("basic_auth"), &auth, &reader->report());
  }
  if (const Node* header = reader->TakeMapping("authorization")) {
    ++given;
    ReadAuthorization(*header, reader->Path("authorization"), &auth, &reader->report());
  }
  bool token = reader->String("bearer_token", &auth.secret);
  bool token_file = reader->String("bearer_token_file", &auth.secret_file);
  if (token || token_file) auth.kind = AuthConfig::Kind::kHeader;
  given += (token ? 1 : 0) + (token_file ? 1 : 0);
  if (given > 1) {
    reader->report().Error(reader->node(), reader->Path("authorization"),
                           "at most one of basic_auth, authorization, bearer_token and "
                           "bearer_token_file may be given");
  }
  for (std::string* file : {&auth.username_file, &auth.secret_file})
    *file = Absolute(*file, reader->report().file());
  return auth;
}

namespace {

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
  reader.Bool("follow_redirects", &config.follow_redirects);
  config.auth = ReadAuth(&reader);
  config.relabel_configs = ReadRelabelConfigs(&reader, "relabel_configs");
  config.alert_relabel_configs = ReadRelabelConfigs(&reader, "alert_relabel_configs");
  config.static_configs = ReadStaticConfigs(&reader);
  config.file_sd_configs = ReadFileSdConfigs(&reader);
  for (std::string_view key :
       {"oauth2", "tls_config", "proxy_url", "no_proxy", "proxy_from_environment",
        "proxy_connect_header", "http_headers", "sigv4"}) {
    reader.RefuseIfSet(key, "this version cannot do that; alerts would not be taken");
  }
  RefuseOtherDiscovery(&reader);
  WarnOfIdleKeys(&reader, {"enable_http2"});
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
