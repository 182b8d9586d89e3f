#include "config/prometheus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::config {
namespace {

using base::StrCat;

PrometheusConfig Good(std::string_view text) {
  auto config = ParsePrometheusConfig(text, "/etc/prometheus/prometheus.yml");
  if (!config) {
    ADD_FAILURE() << config.error().message();
    return {};
  }
  return *config;
}

std::string Problem(std::string_view text) {
  auto config = ParsePrometheusConfig(text, "p.yml");
  return config ? "none" : config.error().message();
}

// The problem of a job that has `keys` besides its name.
std::string JobProblem(std::string_view keys) {
  return Problem(StrCat("scrape_configs:\n- job_name: x\n  ", keys, "\n"));
}

std::string RelabelProblem(std::string_view keys) {
  return JobProblem(StrCat("relabel_configs: [", keys, "]"));
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(PrometheusConfig, Defaults) {
  PrometheusConfig config = Good("scrape_configs: [{job_name: x}]");
  EXPECT_EQ(config.global.scrape_interval_ms, 60'000);
  EXPECT_EQ(config.global.scrape_timeout_ms, 10'000);
  EXPECT_EQ(config.global.evaluation_interval_ms, 60'000);
  ASSERT_EQ(config.scrape_configs.size(), 1u);
  const ScrapeConfig& job = config.scrape_configs[0];
  EXPECT_EQ(job.scrape_interval_ms, 60'000);
  EXPECT_EQ(job.scrape_timeout_ms, 10'000);
  EXPECT_EQ(job.metrics_path, "/metrics");
  EXPECT_EQ(job.scheme, "http");
  EXPECT_TRUE(job.honor_timestamps);
  EXPECT_TRUE(job.enable_compression);
  EXPECT_TRUE(job.http.follow_redirects);
  EXPECT_FALSE(job.honor_labels);
  EXPECT_TRUE(config.warnings.empty());
}

TEST(PrometheusConfig, EmptyFileIsAllDefaults) {
  EXPECT_TRUE(Good("").scrape_configs.empty());
  EXPECT_TRUE(Good("# nothing\n").scrape_configs.empty());
  EXPECT_TRUE(Good("global:\nscrape_configs:\n").scrape_configs.empty());
}

TEST(PrometheusConfig, AllKeysOfAJob) {
  PrometheusConfig config = Good(R"(
global:
  scrape_interval: 15s
  sample_limit: 9
  external_labels: {cluster: c1, shard: 3}
scrape_configs:
- job_name: "n"
  scrape_interval: 30s
  scrape_timeout: 5s
  metrics_path: probe
  scheme: https
  params: {module: [a, b]}
  honor_labels: true
  honor_timestamps: false
  track_timestamps_staleness: yes
  enable_compression: off
  follow_redirects: false
  body_size_limit: 10MB
  target_limit: 4
  label_limit: 5
  label_name_length_limit: 6
  label_value_length_limit: 7
  relabel_configs:
  - source_labels: [__address__]
    regex: '(.*):\d+'
    target_label: instance
  - {action: HashMod, source_labels: [a], modulus: 4, target_label: __tmp}
  metric_relabel_configs:
  - {action: labeldrop, regex: tmp_.*}
  static_configs:
  - targets: ['a:1', '[::1]:9100']
    labels: {rack: 7}
  file_sd_configs:
  - files: [targets/*.yml, /abs/x.json]
    refresh_interval: 1m30s
)");
  const ScrapeConfig& job = config.scrape_configs.at(0);
  EXPECT_EQ(config.global.external_labels.at("shard"), "3");
  EXPECT_EQ(job.scrape_interval_ms, 30'000);
  EXPECT_EQ(job.scrape_timeout_ms, 5'000);
  EXPECT_EQ(job.metrics_path, "/probe");
  EXPECT_EQ(job.scheme, "https");
  EXPECT_EQ(job.params.at("module"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(job.honor_labels);
  EXPECT_FALSE(job.honor_timestamps);
  EXPECT_TRUE(job.track_timestamps_staleness);
  EXPECT_FALSE(job.enable_compression);
  EXPECT_FALSE(job.http.follow_redirects);
  EXPECT_EQ(job.body_size_limit, 10u << 20);
  EXPECT_EQ(job.sample_limit, 9u);  // from global
  EXPECT_EQ(job.target_limit, 4u);
  EXPECT_EQ(job.label_limit, 5u);
  EXPECT_EQ(job.label_name_length_limit, 6u);
  EXPECT_EQ(job.label_value_length_limit, 7u);
  ASSERT_EQ(job.relabel_configs.size(), 2u);
  EXPECT_TRUE(job.relabel_configs[0].regex.Matches("host:9100"));
  EXPECT_EQ(job.relabel_configs[1].action, RelabelAction::kHashMod);
  EXPECT_EQ(job.relabel_configs[1].modulus, 4u);
  EXPECT_EQ(job.metric_relabel_configs.at(0).action, RelabelAction::kLabelDrop);
  EXPECT_EQ(job.static_configs.at(0).targets.at(1), "[::1]:9100");
  EXPECT_EQ(job.static_configs.at(0).labels.at("rack"), "7");
  EXPECT_EQ(job.file_sd_configs.at(0).files,
            (std::vector<std::string>{"/etc/prometheus/targets/*.yml", "/abs/x.json"}));
  EXPECT_EQ(job.file_sd_configs.at(0).refresh_interval_ms, 90'000);
}

TEST(PrometheusConfig, TimeoutsFollowPrometheus) {
  PrometheusConfig config = Good("global: {scrape_interval: 5s}\nscrape_configs: [{job_name: x}]");
  EXPECT_EQ(config.global.scrape_timeout_ms, 5'000);
  EXPECT_EQ(config.scrape_configs[0].scrape_timeout_ms, 5'000);
  config = Good("scrape_configs: [{job_name: x, scrape_interval: 2s}]");
  EXPECT_EQ(config.scrape_configs[0].scrape_timeout_ms, 2'000);
  EXPECT_EQ(
      JobProblem("scrape_interval: 5s\n  scrape_timeout: 6s"),
      "p.yml:4:19: scrape_configs[0].scrape_timeout: 6s is greater than the scrape interval of 5s");
  EXPECT_EQ(Problem("global: {scrape_interval: 5s, scrape_timeout: 6s}"),
            "p.yml:1:47: global.scrape_timeout: 6s is greater than the scrape interval of 5s");
}

TEST(PrometheusConfig, TellsAllProblemsAtOnceInOrder) {
  EXPECT_EQ(Problem("scrape_configs:\n"
                    "- job_nme: a\n"
                    "- job_name: b\n"
                    "  honor_labels: maybe\n"
                    "  scrape_interval: 5x\n"
                    "  static_configs: {targets: []}\n"
                    "globl: {}\n"),
            "p.yml:2:3: scrape_configs[0].job_name: a job requires a name\n"
            "p.yml:2:3: scrape_configs[0].job_nme: unknown key, did you mean \"job_name\"?\n"
            "p.yml:4:17: scrape_configs[1].honor_labels: expected true or false\n"
            "p.yml:5:20: scrape_configs[1].scrape_interval: not a valid duration string: \"5x\"\n"
            "p.yml:6:19: scrape_configs[1].static_configs: expected a list, found a mapping\n"
            "p.yml:7:1: globl: unknown key, did you mean \"global\"?");
}

TEST(PrometheusConfig, Refuses) {
  EXPECT_EQ(Problem("scrape_configs:\n- job_name: a\n- job_name: a\n"),
            "p.yml:3:13: scrape_configs[1].job_name: job name \"a\" is taken by the job in line 2 "
            "of p.yml");
  EXPECT_TRUE(
      Contains(Problem("global: {}\nglobal: {}\n"), "p.yml:2:1: key \"global\" is already set"));
  EXPECT_TRUE(Contains(JobProblem("static_configs: [{targets: ['http://x']}]"),
                       "static_configs[0].targets[0]: \"http://x\" is not a valid hostname"));
  EXPECT_TRUE(Contains(JobProblem("honor_labels: 'true'"), "expected true or false"));
  EXPECT_TRUE(Contains(JobProblem("sample_limit: -1"), "expected a whole number"));
  EXPECT_TRUE(Contains(JobProblem("body_size_limit: 5 apples"), "body_size_limit"));
  EXPECT_TRUE(Contains(JobProblem("scheme: ftp"), "neither http nor https"));
  EXPECT_TRUE(Contains(JobProblem("file_sd_configs: [{files: []}]"), "at least one file"));
  EXPECT_TRUE(Contains(JobProblem("file_sd_configs: [{files: [a.txt]}]"), "does not end in"));
  EXPECT_TRUE(Contains(JobProblem("file_sd_configs: [{files: [a.yml], refresh_interval: 0s}]"),
                       "more than 0"));
  EXPECT_TRUE(Contains(JobProblem("ec2_sd_configs: [{region: x}]"),
                       "p.yml:3:19: scrape_configs[0].ec2_sd_configs: this version does not know"));
  EXPECT_TRUE(Contains(JobProblem("basic_auth: {username: u, password: hunter2, passwd: x}"),
                       "passwd: unknown key, did you mean \"password\"?"));
  EXPECT_FALSE(
      Contains(JobProblem("basic_auth: {username: u, password: hunter2, passwd: x}"), "hunter2"));
  EXPECT_TRUE(Contains(Problem("[1, 2]"), "expected a mapping, found a list"));
  EXPECT_TRUE(Contains(Problem("global: {external_labels: {'': x}}"), "not a valid label name"));
  EXPECT_EQ(Problem("a: b: c\n").substr(0, 8), "p.yml:1:");
}

TEST(PrometheusConfig, ChecksRelabelling) {
  EXPECT_EQ(RelabelProblem("{target_label: a, regex: '(x)'}"), "none");
  EXPECT_EQ(RelabelProblem("{target_label: '${1}_x'}"), "none");
  EXPECT_EQ(RelabelProblem("{action: keep, source_labels: [a], regex: b}"), "none");
  EXPECT_TRUE(Contains(RelabelProblem("{regex: x}"), "target_label: a replace action requires it"));
  EXPECT_TRUE(Contains(RelabelProblem("{action: jump}"), "unknown relabel action \"jump\""));
  EXPECT_TRUE(Contains(RelabelProblem("{action: hashmod, target_label: a}"), "modulus"));
  EXPECT_TRUE(Contains(RelabelProblem("{action: lowercase, target_label: a, replacement: b}"),
                       "has no use"));
  EXPECT_TRUE(
      Contains(RelabelProblem("{action: labeldrop, regex: a, target_label: b}"), "has no use"));
  EXPECT_TRUE(
      Contains(RelabelProblem("{action: keepequal, target_label: a, regex: b}"), "has no use"));
  EXPECT_TRUE(
      Contains(RelabelProblem("{target_label: a, regex: '('}"), "regex: error parsing regexp"));
  EXPECT_TRUE(Contains(RelabelProblem("{target_label: a, source_labels: b}"), "expected a list"));
  EXPECT_TRUE(Contains(RelabelProblem("null"), "empty relabel configuration"));
}

TEST(PrometheusConfig, ExpandsTheEnvironmentInExternalLabelsOnly) {
  ::setenv("SLURMSCOPE_TEST_A", "alpha", 1);
  ::unsetenv("SLURMSCOPE_TEST_B");
  PrometheusConfig config = Good(
      "global:\n  external_labels:\n    a: x-${SLURMSCOPE_TEST_A}\n    b: $SLURMSCOPE_TEST_A/y\n"
      "    c: a$$b\n    d: '${SLURMSCOPE_TEST_B}z'\n    e: 'end$'\nscrape_configs: [{job_name: "
      "'$HOME'}]\n");
  const auto& labels = config.global.external_labels;
  EXPECT_EQ(labels.at("a"), "x-alpha");
  EXPECT_EQ(labels.at("b"), "alpha/y");
  EXPECT_EQ(labels.at("c"), "a$b");
  EXPECT_EQ(labels.at("d"), "z");
  EXPECT_EQ(labels.at("e"), "end$");
  EXPECT_EQ(config.scrape_configs[0].job_name, "$HOME");
  ASSERT_EQ(config.warnings.size(), 1u);
  EXPECT_TRUE(Contains(config.warnings[0], "SLURMSCOPE_TEST_B"));
}

TEST(PrometheusConfig, TakesTheGuidesSlipsWithAWarning) {
  PrometheusConfig config = Good(
      "global:\n  retention_time: 15d\n  storage.tsdb.max_block_duration: 4h\n"
      "tls_config:\n  cert_file: x\nbasic_auth_config:\n  password: hunter2\n");
  EXPECT_EQ(config.storage.retention_time_ms, int64_t{15} * 86'400'000);
  ASSERT_EQ(config.warnings.size(), 4u);
  EXPECT_TRUE(config.warnings[0].starts_with(
      "/etc/prometheus/prometheus.yml:2:19: global.retention_time: "));
  EXPECT_TRUE(Contains(config.warnings[0], "--storage.tsdb.retention.time"));
  EXPECT_TRUE(Contains(config.warnings[1], "--storage.tsdb.max-block-duration"));
  EXPECT_TRUE(Contains(config.warnings[2], "tls_server_config"));
  EXPECT_TRUE(Contains(config.warnings[3], "basic_auth_users"));
}

TEST(PrometheusConfig, ReadsListsAtTheIndentationOfTheirKey) {
  PrometheusConfig config = Good(
      "scrape_configs:\n  - job_name: 'node'\n    file_sd_configs:\n      - files:\n        - "
      "'/t/*.yml'\n"
      "        refresh_interval: 5m\n    static_configs:\n      - targets:\n        # nodes\n      "
      "  - 'n1:9100'\n");
  EXPECT_EQ(config.scrape_configs.at(0).file_sd_configs.at(0).files.at(0), "/t/*.yml");
  EXPECT_EQ(config.scrape_configs.at(0).static_configs.at(0).targets.at(0), "n1:9100");
}

TEST(PrometheusConfig, ManyUnknownKeysMakeABoundedMessage) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) base::StrAppend(text, "k", i, ": 1\n");
  EXPECT_LT(Problem(text).size(), 20'000u);
}

TEST(PrometheusConfig, WarnsOfKeysWithoutEffect) {
  PrometheusConfig config = Good(
      "runtime: {gogc: 75}\nalerting: {alertmanagers: []}\nrule_files: "
      "[r/*.yml]\n"
      "storage: {tsdb: {out_of_order_time_window: 1h, retention: {time: 1d, size: 1GB}}}\n"
      "tracing: {endpoint: x}\n");
  EXPECT_EQ(config.warnings.size(), 2u);
  EXPECT_EQ(config.storage.out_of_order_window_ms, 3'600'000);
  EXPECT_EQ(config.storage.retention_time_ms, 86'400'000);
  EXPECT_EQ(config.storage.retention_size, 1u << 30);
  EXPECT_EQ(config.rule_files.at(0), "/etc/prometheus/r/*.yml");
  EXPECT_TRUE(Contains(Problem("storage: {tsdb: {retenton: {}}}"), "did you mean \"retention\"?"));
}

TEST(PrometheusConfig, ReadsWhatTargetsAreAskedFor) {
  PrometheusConfig config = Good(
      "global: {scrape_protocols: [PrometheusText0.0.4], extra_scrape_metrics: true,"
      " metric_name_validation_scheme: legacy}\n"
      "scrape_configs:\n- {job_name: a, fallback_scrape_protocol: OpenMetricsText1.0.0}\n"
      "- {job_name: b, scrape_protocols: [OpenMetricsText1.0.0, PrometheusText1.0.0],"
      " metric_name_validation_scheme: utf8, extra_scrape_metrics: false}\n");
  const NegotiationConfig& a = config.scrape_configs.at(0).negotiation;
  EXPECT_EQ(a.protocols, std::vector{ScrapeProtocol::kPrometheusText004});
  EXPECT_EQ(a.fallback, ScrapeProtocol::kOpenMetricsText100);
  EXPECT_FALSE(a.utf8_names);
  EXPECT_EQ(a.escaping, "underscores");
  EXPECT_TRUE(a.extra_metrics);
  const NegotiationConfig& b = config.scrape_configs.at(1).negotiation;
  EXPECT_EQ(b.protocols,
            (std::vector{ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kPrometheusText100}));
  EXPECT_EQ(b.fallback, std::nullopt);
  EXPECT_TRUE(b.utf8_names);
  EXPECT_EQ(b.escaping, "allow-utf-8");
  EXPECT_FALSE(b.extra_metrics);
}

TEST(PrometheusConfig, RefusesProtocolsAndNameSchemesThatAreNone) {
  EXPECT_TRUE(Contains(Problem("global: {scrape_protocols: [OpenMetrics]}"),
                       "global.scrape_protocols: \"OpenMetrics\" is none of PrometheusProto"));
  EXPECT_TRUE(Contains(
      Problem("global: {scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]}"), "twice"));
  EXPECT_TRUE(Contains(Problem("global: {scrape_protocols: []}"), "at least one"));
  EXPECT_TRUE(Contains(Problem("global: {metric_name_validation_scheme: utf-8}"), "neither"));
  EXPECT_TRUE(Contains(Problem("global: {metric_name_validation_scheme: legacy,"
                               " metric_name_escaping_scheme: allow-utf-8}"),
                       "needs metric_name_validation_scheme: utf8"));
  EXPECT_TRUE(
      Contains(Problem("global: {fallback_scrape_protocol: PrometheusProto}"), "unknown key"));
}

TEST(PrometheusConfig, ShowsNoSecret) {
  PrometheusConfig config = Good(
      "# password: hunter1\n"
      "remote_write:\n- url: https://u:hunter2@host/x\n  basic_auth: {username: u, password: "
      "hunter3}\n  headers: {a: '1', b: \"x: y\"}\n"
      "- url: https://host/x\n  oauth2:\n    client_id: i\n    token_url: https://t\n"
      "    client_secret: |\n      hunter4\n      hunter5\n"
      "- {name: n, url: https://host/x, authorization: {credentials: hunter6}}\n"
      "remote_read:\n- url: https://host/y\n  bearer_token: &t hunter7\n"
      "scrape_configs: [{job_name: 'true'}]\n");
  EXPECT_FALSE(Contains(config.text, "hunter")) << config.text;
  EXPECT_TRUE(Contains(config.text, "password: <secret>\n")) << config.text;
  EXPECT_TRUE(Contains(config.text, "https://u:<secret>@host/x")) << config.text;
  EXPECT_TRUE(Contains(config.text, "- job_name: \"true\"\n")) << config.text;
  EXPECT_TRUE(Contains(config.text, "  headers:\n    a: \"1\"\n    b: \"x: y\"\n")) << config.text;
  PrometheusConfig again = Good(config.text);
  EXPECT_EQ(again.text, config.text);
}

class LoadTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "config_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(LoadTest, FallsBackToTheOtherEnding) {
  ASSERT_TRUE(base::WriteFileAtomic(directory_ + "/prometheus.yaml", "rule_files: [a.yml]\n"));
  auto config = LoadPrometheusConfig(directory_ + "/prometheus.yml");
  ASSERT_TRUE(config);
  EXPECT_TRUE(Contains(config->warnings.at(0), "prometheus.yml: not found"));
  EXPECT_EQ(config->rule_files.at(0), directory_ + "/a.yml");
  EXPECT_TRUE(LoadPrometheusConfig(directory_ + "/prometheus.yaml"));
  auto missing = LoadPrometheusConfig(directory_ + "/other.yml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), base::ErrorCode::kNotFound);
  EXPECT_TRUE(Contains(missing.error().message(), "other.yml"));
}

TEST(TargetGroups, YamlAndJson) {
  auto yaml =
      ParseTargetGroups("- targets: [a:1, b:2]\n  labels: {x: 1}\n- targets: []\n", "/t/x.yml");
  ASSERT_TRUE(yaml);
  ASSERT_EQ(yaml->size(), 2u);
  EXPECT_EQ((*yaml)[0].targets.at(1), "b:2");
  EXPECT_EQ((*yaml)[0].labels.at("x"), "1");
  EXPECT_EQ((*yaml)[1].source, "/t/x.yml:1");
  auto json = ParseTargetGroups(
      "[\n\t{\"targets\": [\"a:1\"], \"labels\": {\"k\": \"\\u00e9\\/\"}}]", "/t/x.json");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)[0].labels.at("k"), "\xC3\xA9/");
  EXPECT_TRUE(ParseTargetGroups("", "/t/x.yml"));
}

TEST(TargetGroups, Problems) {
  auto problem = [](std::string_view text, const std::string& path) {
    auto groups = ParseTargetGroups(text, path);
    return groups ? "none" : groups.error().message();
  };
  EXPECT_EQ(problem("- target: [a]\n", "x.yml"),
            "x.yml:1:3: [0].target: unknown key, did you mean \"targets\"?");
  EXPECT_EQ(problem("targets: [a]\n", "x.yml"), "x.yml:1:1: expected a list of target groups");
  EXPECT_EQ(problem("- null\n", "x.yml"), "x.yml:1:3: [0]: an empty target group");
  EXPECT_EQ(problem("[\n {\"targets\": [\"a\"}]", "x.json"), "x.json:2:18: expected ',' or ']'");
  EXPECT_EQ(problem("", "x.json"), "x.json:1:1: unexpected end of the JSON text");
}

}  // namespace
}  // namespace slurmscope::config
