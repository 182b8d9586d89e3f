#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/prometheus.h"

namespace slurmscope::config {
namespace {

std::string Problems(std::string_view text) {
  auto config = ParsePrometheusConfig(text, "/etc/p/prometheus.yml");
  return config ? "none" : config.error().message();
}

TEST(Alerting, TakesItsKeys) {
  auto config = ParsePrometheusConfig(R"(
global: {rule_query_offset: 90s}
rule_files: [alerts.yml, /x/*.yml]
alerting:
  alert_relabel_configs: [{regex: replica, action: labeldrop}]
  alertmanagers:
  - scheme: https
    path_prefix: /am
    timeout: 5s
    api_version: v2
    basic_auth: {username: u, password_file: pw}
    relabel_configs: [{action: keep}]
    alert_relabel_configs: [{target_label: to, replacement: x}]
    static_configs: [{targets: ["a:9093"]}]
    file_sd_configs: [{files: [am.yml]}]
  - authorization: {credentials: secret}
    static_configs: [{targets: ["b:9093"]}]
)",
                                      "/etc/p/prometheus.yml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->warnings.empty());
  EXPECT_EQ(config->global.rule_query_offset_ms, 90'000);
  EXPECT_EQ(config->rule_files, (std::vector<std::string>{"/etc/p/alerts.yml", "/x/*.yml"}));
  ASSERT_EQ(config->alerting.alertmanagers.size(), 2u);
  const AlertmanagerConfig& first = config->alerting.alertmanagers[0];
  EXPECT_EQ(first.scheme, "https");
  EXPECT_EQ(first.path_prefix, "/am");
  EXPECT_EQ(first.timeout_ms, 5000);
  ASSERT_TRUE(first.http.basic_auth);
  EXPECT_EQ(first.http.basic_auth->password.file, "/etc/p/pw");
  EXPECT_EQ(first.static_configs.at(0).targets.at(0), "a:9093");
  ASSERT_TRUE(config->alerting.alertmanagers[1].http.authorization);
  EXPECT_EQ(config->alerting.alertmanagers[1].http.authorization->credentials.text, "secret");
  EXPECT_EQ(config->alerting.alertmanagers[1].http.authorization->type, "Bearer");
  EXPECT_EQ(config->text.find("credentials: secret"), std::string::npos);
}

TEST(Alerting, TellsProblems) {
  EXPECT_EQ(
      Problems(R"(
alerting:
  alertmanager: []
  alertmanagers:
  - scheme: ftp
    api_version: v1
    timeout: 0s
    sigv4: {}
    nomad_sd_configs: []
    bearer_token: x
    basic_auth: {username: u, password: a, password_file: b}
)"),
      R"(/etc/p/prometheus.yml:3:3: alerting.alertmanager: unknown key, did you mean "alertmanagers"?
/etc/p/prometheus.yml:5:13: alerting.alertmanagers[0].scheme: "ftp" is neither http nor https
/etc/p/prometheus.yml:6:18: alerting.alertmanagers[0].api_version: expected Alertmanager api version to be one of [v2] but got v1
/etc/p/prometheus.yml:7:14: alerting.alertmanagers[0].timeout: must be more than 0
/etc/p/prometheus.yml:8:12: alerting.alertmanagers[0].sigv4: this version cannot do that; alerts would not be taken
/etc/p/prometheus.yml:9:23: alerting.alertmanagers[0].nomad_sd_configs: this version does not know that kind of discovery; let a small program answer with the targets and name it under http_sd_configs (url), or have it write a file that file_sd_configs names
/etc/p/prometheus.yml:10:19: alerting.alertmanagers[0].bearer_token: at most one of basic_auth, oauth2, authorization and bearer_token may be given
/etc/p/prometheus.yml:11:59: alerting.alertmanagers[0].basic_auth.password_file: at most one of password and password_file may be given)");
}

TEST(RuleFilesKey, TheGuidesPlacesAreReadWhenItIsAbsent) {
  namespace fs = std::filesystem;
  fs::path directory = fs::temp_directory_path() / ("rules-" + std::to_string(::getpid()));
  fs::create_directories(directory / "rules");
  std::ofstream(directory / "alerts.yml") << "groups: []\n";
  std::ofstream(directory / "rules" / "r.yml") << "groups: []\n";
  std::string path = (directory / "prometheus.yml").string();
  auto config = ParsePrometheusConfig("", path);
  EXPECT_EQ(config->rule_files,
            (std::vector<std::string>{(directory / "alerts.yml").string(),
                                      (directory / "rules" / "*.yml").string()}));
  EXPECT_EQ(config->warnings.size(), 2u);
  EXPECT_TRUE(ParsePrometheusConfig("rule_files: []", path)->rule_files.empty());
  fs::remove_all(directory);
}

}  // namespace
}  // namespace slurmscope::config
