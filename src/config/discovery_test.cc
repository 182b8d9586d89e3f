#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "config/prometheus.h"

namespace slurmscope::config {
namespace {

using base::StrCat;

constexpr const char* kPath = "/etc/p/prometheus.yml";

ScrapeConfig Job(std::string_view keys) {
  auto config =
      ParsePrometheusConfig(StrCat("scrape_configs:\n- job_name: a\n  ", keys, "\n"), kPath);
  EXPECT_TRUE(config) << config.error().message();
  return config ? config->scrape_configs.at(0) : ScrapeConfig();
}

std::string Problem(std::string_view keys) {
  auto config =
      ParsePrometheusConfig(StrCat("scrape_configs:\n- job_name: a\n  ", keys, "\n"), kPath);
  EXPECT_FALSE(config);
  if (config) return "";
  std::string text = config.error().message();
  size_t at = text.find("scrape_configs[0].");
  return at == std::string::npos ? text : text.substr(at + 18);
}

TEST(Discovery, TakesAllKeys) {
  ScrapeConfig job = Job(R"(http_sd_configs:
  - url: https://sd.example/targets
    refresh_interval: 5s
    basic_auth: {username: u, password: p}
  dns_sd_configs:
  - {names: [_a._tcp.x, b], refresh_interval: 7s}
  - {names: [c], type: aaaa, port: 9100}
  consul_sd_configs:
  - server: c:8501
    path_prefix: /consul
    token: t
    datacenter: dc
    namespace: ns
    partition: p
    scheme: https
    username: u
    password: p
    tag_separator: ";"
    services: [a]
    tags: [b]
    node_meta: {k: v}
    filter: F
    health_filter: H
    allow_stale: false
    refresh_interval: 9s)");
  EXPECT_EQ(job.sd.http.at(0).url, "https://sd.example/targets");
  EXPECT_EQ(job.sd.http.at(0).refresh_interval_ms, 5'000);
  EXPECT_EQ(job.sd.http.at(0).http.basic_auth->username.text, "u");
  EXPECT_EQ(job.sd.dns.at(0).type, DnsRecordType::kSrv);
  EXPECT_EQ(job.sd.dns.at(0).names.size(), 2u);
  EXPECT_EQ(job.sd.dns.at(0).refresh_interval_ms, 7'000);
  EXPECT_EQ(job.sd.dns.at(1).type, DnsRecordType::kAaaa);
  EXPECT_EQ(job.sd.dns.at(1).port, 9100u);
  const ConsulSdConfig& consul = job.sd.consul.at(0);
  EXPECT_EQ(consul.server, "c:8501");
  EXPECT_EQ(consul.scheme, "https");
  EXPECT_EQ(consul.http.basic_auth->password.text, "p");
  EXPECT_EQ(consul.tag_separator, ";");
  EXPECT_EQ(consul.node_meta.at("k"), "v");
  EXPECT_EQ(consul.health_filter, "H");
  EXPECT_FALSE(consul.allow_stale);
  EXPECT_EQ(consul.refresh_interval_ms, 9'000);
  EXPECT_EQ(job.text.find("token: t"), std::string::npos) << job.text;
}

TEST(Discovery, Defaults) {
  ScrapeConfig job =
      Job("http_sd_configs: [{url: 'http://x'}]\n  dns_sd_configs: [{names: [a]}]\n"
          "  consul_sd_configs: [{}]");
  EXPECT_EQ(job.sd.http.at(0).refresh_interval_ms, 60'000);
  EXPECT_EQ(job.sd.dns.at(0).refresh_interval_ms, 30'000);
  EXPECT_EQ(job.sd.consul.at(0).server, "localhost:8500");
  EXPECT_EQ(job.sd.consul.at(0).refresh_interval_ms, 30'000);
  EXPECT_TRUE(job.sd.consul.at(0).allow_stale);
}

TEST(Discovery, TellsProblems) {
  EXPECT_EQ(Problem("http_sd_configs: [{}]"), "http_sd_configs[0].url: a URL is required");
  EXPECT_EQ(Problem("http_sd_configs: [{url: 'ftp://x'}]"),
            "http_sd_configs[0].url: must begin with http:// or https://");
  EXPECT_EQ(Problem("http_sd_configs: [{url: 'http:///x'}]"),
            "http_sd_configs[0].url: has no host");
  EXPECT_EQ(Problem("http_sd_configs: [{url: 'http://x', refresh_intervall: 5s}]"),
            "http_sd_configs[0].refresh_intervall: unknown key, did you mean "
            "\"refresh_interval\"?");
  EXPECT_EQ(Problem("dns_sd_configs: [{}]"),
            "dns_sd_configs[0].names: at least one name is required");
  EXPECT_EQ(Problem("dns_sd_configs: [{names: [a], type: A}]"),
            "dns_sd_configs[0].port: a port is required for records other than SRV");
  EXPECT_EQ(Problem("dns_sd_configs: [{names: [a], type: TXT}]"),
            "dns_sd_configs[0].type: \"TXT\" is none of SRV, A, AAAA, MX, NS");
  EXPECT_EQ(Problem("consul_sd_configs: [{server: ''}]"),
            "consul_sd_configs[0].server: must not be empty");
  EXPECT_EQ(Problem("consul_sd_configs: [{username: u, bearer_token: t}]"),
            "consul_sd_configs[0].username: there is another way to authenticate already");
}

class ScrapeConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / StrCat("scf-", ::getpid());
    std::filesystem::create_directories(directory_ / "jobs");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }
  base::Result<PrometheusConfig> Load() {
    return ParsePrometheusConfig(
        "global: {scrape_interval: 7s, keep_dropped_targets: 3}\n"
        "scrape_configs: [{job_name: main}]\nscrape_config_files: [jobs/*.yml]\n",
        (directory_ / "prometheus.yml").string());
  }
  std::filesystem::path directory_;
};

TEST_F(ScrapeConfigFiles, TheirJobsFollowWithTheDefaultsOfTheMainFile) {
  EXPECT_EQ(Load()->scrape_configs.size(), 1u) << "no file is no error";
  Write("jobs/b.yml", "scrape_configs:\n- job_name: b\n  file_sd_configs: [{files: [t/*.json]}]\n");
  Write("jobs/a.yml", "scrape_configs:\n- {job_name: a, keep_dropped_targets: 9}\n");
  auto config = Load();
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->scrape_configs.size(), 3u);
  EXPECT_EQ(config->scrape_configs[0].keep_dropped_targets, 3u);
  EXPECT_EQ(config->scrape_configs[1].job_name, "a");
  EXPECT_EQ(config->scrape_configs[1].scrape_interval_ms, 7'000);
  EXPECT_EQ(config->scrape_configs[1].keep_dropped_targets, 9u);
  EXPECT_EQ(config->scrape_configs[2].file_sd_configs.at(0).files.at(0),
            (directory_ / "jobs/t/*.json").string());
}

TEST_F(ScrapeConfigFiles, AllTheirProblemsAreTold) {
  Write("jobs/a.yml", "scrape_configs:\n- {job_name: main}\n");
  Write("jobs/b.yml", "global: {}\n");
  Write("jobs/c.yml", "[\n");
  auto config = Load();
  ASSERT_FALSE(config);
  const std::string& text = config.error().message();
  EXPECT_NE(text.find("jobs/a.yml:2:14: scrape_configs[0].job_name: job name \"main\" is taken by "
                      "the job in line 2 of "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("jobs/b.yml:1:1: global: unknown key"), std::string::npos) << text;
  EXPECT_NE(text.find("jobs/c.yml:"), std::string::npos) << text;
}

TEST(Discovery, NativeHistogramsAskForProtobufFirst) {
  auto config = ParsePrometheusConfig(
      "global: {scrape_native_histograms: true}\nscrape_configs:\n- job_name: a\n"
      "- {job_name: b, scrape_native_histograms: false, convert_classic_histograms_to_nhcb: true}\n"
      "- {job_name: c, scrape_protocols: [PrometheusText0.0.4], native_histogram_bucket_limit: 5,"
      " native_histogram_min_bucket_factor: 1.1, always_scrape_classic_histograms: true}\n",
      kPath);
  ASSERT_TRUE(config) << config.error().message();
  const auto& jobs = config->scrape_configs;
  EXPECT_EQ(jobs[0].negotiation.protocols.front(), ScrapeProtocol::kPrometheusProto);
  EXPECT_EQ(jobs[0].negotiation.protocols.size(), 5u);
  EXPECT_EQ(jobs[1].negotiation.protocols, NegotiationConfig().protocols);
  EXPECT_TRUE(jobs[1].negotiation.convert_to_nhcb);
  EXPECT_EQ(jobs[2].negotiation.protocols, std::vector{ScrapeProtocol::kPrometheusText004});
  EXPECT_TRUE(jobs[2].negotiation.native_histograms);
  EXPECT_TRUE(jobs[2].negotiation.always_classic_histograms);
  EXPECT_EQ(jobs[2].native_histogram_bucket_limit, 5u);
  EXPECT_EQ(jobs[2].native_histogram_min_bucket_factor, 1.1);
}

}  // namespace
}  // namespace slurmscope::config
