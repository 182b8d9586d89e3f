#include "config/remote.h"

#include <gtest/gtest.h>

#include "config/prometheus.h"

namespace slurmscope::config {
namespace {

PrometheusConfig Good(std::string_view text) {
  auto config = ParsePrometheusConfig(text, "/etc/prometheus/prometheus.yml");
  if (config) return *std::move(config);
  ADD_FAILURE() << config.error().message();
  return {};
}

std::string Problem(std::string_view text) {
  auto config = ParsePrometheusConfig(text, "p.yml");
  return config ? "none" : config.error().message();
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RemoteWriteConfig, Defaults) {
  PrometheusConfig config = Good("remote_write: [{url: 'http://h/w'}, {url: 'http://h/w'}]");
  ASSERT_EQ(config.remote_write.size(), 2u);
  const RemoteWriteConfig& first = config.remote_write[0];
  EXPECT_EQ(first.url, "http://h/w");
  EXPECT_EQ(first.name.size(), 6u);
  EXPECT_NE(first.name, config.remote_write[1].name);
  EXPECT_EQ(first.timeout_ms, 30'000);
  EXPECT_FALSE(first.v2);
  EXPECT_FALSE(first.send_exemplars);
  EXPECT_FALSE(first.send_native_histograms);
  EXPECT_EQ(first.queue.capacity, 10'000u);
  EXPECT_EQ(first.queue.max_shards, 50u);
  EXPECT_EQ(first.queue.min_shards, 1u);
  EXPECT_EQ(first.queue.max_samples_per_send, 2000u);
  EXPECT_EQ(first.queue.batch_send_deadline_ms, 5000);
  EXPECT_EQ(first.queue.min_backoff_ms, 30);
  EXPECT_EQ(first.queue.max_backoff_ms, 5000);
  EXPECT_TRUE(first.metadata.send);
  EXPECT_EQ(first.metadata.send_interval_ms, 60'000);
  EXPECT_TRUE(first.http.follow_redirects);
  // The same whatever else the file says.
  EXPECT_EQ(Good("remote_write: [{url: 'http://h/w'}]").remote_write[0].name, first.name);
  EXPECT_EQ(Good("remote_write: [ {  url: http://h/w } ]").remote_write[0].identity,
            first.identity);
  EXPECT_NE(Good("remote_write: [{url: 'http://h/w', queue_config: {capacity: 3}}]")
                .remote_write[0]
                .identity,
            first.identity);
}

TEST(RemoteWriteConfig, AllKeys) {
  const RemoteWriteConfig config = Good(R"(
remote_write:
- url: https://h/w
  name: far
  remote_timeout: 7s
  headers: {X-Scope-OrgID: a}
  write_relabel_configs: [{source_labels: [job], regex: x, action: drop}]
  protobuf_message: io.prometheus.write.v2.Request
  send_exemplars: true
  send_native_histograms: true
  round_robin_dns: true
  basic_auth: {username: u, password: p}
  tls_config: {insecure_skip_verify: true}
  queue_config: {capacity: 500, max_shards: 9, min_shards: 2, max_samples_per_send: 100,
    batch_send_deadline: 1s, min_backoff: 10ms, max_backoff: 1s, retry_on_http_429: true,
    sample_age_limit: 1h}
  metadata_config: {send: false, send_interval: 2m, max_samples_per_send: 50}
)")
                                       .remote_write.at(0);
  EXPECT_EQ(config.name, "far");
  EXPECT_EQ(config.timeout_ms, 7000);
  EXPECT_EQ(config.headers.at("X-Scope-OrgID"), "a");
  EXPECT_EQ(config.write_relabel_configs.size(), 1u);
  EXPECT_TRUE(config.v2 && config.send_exemplars && config.send_native_histograms);
  EXPECT_TRUE(config.round_robin_dns);
  EXPECT_TRUE(config.http.basic_auth && config.http.tls.insecure_skip_verify);
  EXPECT_EQ(config.queue.capacity, 500u);
  EXPECT_EQ(config.queue.max_shards, 9u);
  EXPECT_EQ(config.queue.min_shards, 2u);
  EXPECT_EQ(config.queue.max_samples_per_send, 100u);
  EXPECT_EQ(config.queue.batch_send_deadline_ms, 1000);
  EXPECT_EQ(config.queue.min_backoff_ms, 10);
  EXPECT_EQ(config.queue.max_backoff_ms, 1000);
  EXPECT_TRUE(config.queue.retry_on_http_429);
  EXPECT_EQ(config.queue.sample_age_limit_ms, 3'600'000);
  EXPECT_FALSE(config.metadata.send);
  EXPECT_EQ(config.metadata.send_interval_ms, 120'000);
  EXPECT_EQ(config.metadata.max_samples_per_send, 50u);
}

TEST(RemoteWriteConfig, Refuses) {
  EXPECT_TRUE(Contains(Problem("remote_write: [{}]"), "remote_write[0].url: is required"));
  EXPECT_TRUE(Contains(Problem("remote_write: [{url: ftp://x}]"), "must be an http or https URL"));
  EXPECT_TRUE(Contains(Problem("remote_write: [null]"), "an empty entry"));
  EXPECT_TRUE(Contains(Problem("remote_write: [{url: http://a, name: n},{url: http://b, name: n}]"),
                       "\"n\" is the name of another entry"));
  auto problem_of = [](std::string_view keys) {
    return Problem("remote_write: [{url: http://a, " + std::string(keys) + "}]");
  };
  EXPECT_TRUE(Contains(problem_of("protobuf_message: x"), "is neither"));
  EXPECT_TRUE(Contains(problem_of("remote_timeout: 0s"), "must be more than 0"));
  EXPECT_TRUE(Contains(problem_of("headers: {Authorization: x}"), "set by the program"));
  EXPECT_TRUE(Contains(problem_of("headers: {'a b': x}"), "not a header's name"));
  EXPECT_TRUE(Contains(problem_of("sigv4: {}"), "cannot do that"));
  EXPECT_TRUE(Contains(problem_of("queue_config: {max_shards: 0}"), "must be more than 0"));
  EXPECT_TRUE(Contains(problem_of("queue_config: {max_shards: 1000000}"), "must be at most"));
  EXPECT_TRUE(Contains(problem_of("queue_config: {min_shards: 60}"), "more than max_shards"));
  EXPECT_TRUE(Contains(problem_of("queue_config: {min_backoff: 9s}"), "longer than max_backoff"));
  EXPECT_TRUE(Contains(problem_of("queue_config: {capcity: 3}"), "did you mean \"capacity\"?"));
}

TEST(RemoteReadConfig, AllKeys) {
  const PrometheusConfig config = Good(R"(
remote_read:
- url: http://h/r
- {url: 'http://h/r', name: n, remote_timeout: 5s, chunked_read_limit: 1MB, read_recent: true,
   headers: {a: b}, required_matchers: {job: x}, filter_external_labels: false, bearer_token: t}
)");
  ASSERT_EQ(config.remote_read.size(), 2u);
  EXPECT_EQ(config.remote_read[0].timeout_ms, 60'000);
  EXPECT_FALSE(config.remote_read[0].read_recent);
  EXPECT_TRUE(config.remote_read[0].filter_external_labels);
  const RemoteReadConfig& second = config.remote_read[1];
  EXPECT_EQ(second.name, "n");
  EXPECT_EQ(second.timeout_ms, 5000);
  EXPECT_EQ(second.chunked_read_limit, 1u << 20);
  EXPECT_TRUE(second.read_recent);
  EXPECT_EQ(second.required_matchers.at("job"), "x");
  EXPECT_FALSE(second.filter_external_labels);
  EXPECT_TRUE(second.http.authorization);
}

TEST(OtlpConfig, AllKeys) {
  EXPECT_EQ(Good("").otlp.translation, OtlpTranslation::kUnderscoreEscapingWithSuffixes);
  const OtlpConfig config = Good(R"(
otlp:
  promote_resource_attributes: [service.name, k8s.pod]
  translation_strategy: NoUTF8EscapingWithSuffixes
  keep_identifying_resource_attributes: true
  convert_histograms_to_nhcb: true
  promote_scope_metadata: true
  label_name_underscore_sanitization: false
  label_name_preserve_multiple_underscores: false
)")
                                .otlp;
  EXPECT_EQ(config.translation, OtlpTranslation::kNoUtf8EscapingWithSuffixes);
  EXPECT_EQ(config.promote_resource_attributes.size(), 2u);
  EXPECT_TRUE(config.keep_identifying_resource_attributes);
  EXPECT_TRUE(config.convert_histograms_to_nhcb && config.promote_scope_metadata);
  EXPECT_FALSE(config.label_name_underscore_sanitization);
  EXPECT_FALSE(config.label_name_preserve_multiple_underscores);
  EXPECT_TRUE(Contains(Problem("otlp: {translation_strategy: None}"), "unknown strategy"));
  EXPECT_TRUE(Contains(Problem("otlp: {promote_resource_attributes: [a, a]}"), "twice"));
  EXPECT_TRUE(Contains(Problem("otlp: {ignore_resource_attributes: [a]}"), "needs promote_all"));
}

}  // namespace
}  // namespace slurmscope::config
