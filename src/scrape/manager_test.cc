#include "scrape/manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "http/server.h"
#include "scrape/fakes_for_test.h"
#include "scrape/negotiation.h"

namespace slurmscope::scrape {
namespace {

using base::ErrorCode;
using base::Fail;

config::ScrapeConfig Job(const std::string& name, int64_t interval_ms = 50) {
  config::ScrapeConfig config;
  config.job_name = name;
  config.scrape_interval_ms = interval_ms;
  config.scrape_timeout_ms = interval_ms;
  return config;
}

discovery::TargetGroups Groups(const std::string& job, const std::vector<std::string>& addresses) {
  config::TargetGroup group;
  group.targets = addresses;
  return {{job, {group}}};
}

template <typename Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return condition();
}

std::string Series(const std::string& metric, const std::string& instance) {
  return metric + "{instance=\"" + instance + "\", job=\"j\"}";
}

FakeClient::Answer Always(const std::string& body) {
  return [body](const http::ClientRequest&) { return TextResponse(body); };
}

TEST(Manager, ScrapesAndReports) {
  FakeStorage storage;
  FakeClient client(Always("# TYPE a gauge\na 1\nb 2\n"));
  Manager manager({.user_agent = "Test/1"}, storage, client);
  manager.Apply({Job("j")});
  manager.Update(Groups("j", {"n1:1", "n1:1", "n2:1"}));
  ASSERT_TRUE(Eventually([&] { return storage.Samples(Series("a", "n2:1")).size() >= 3; }));
  ASSERT_TRUE(Eventually([&] { return storage.Samples(Series("up", "n1:1")).size() >= 2; }));
  EXPECT_EQ(storage.Last(Series("up", "n1:1")), 1);
  EXPECT_EQ(storage.Last(Series("scrape_samples_scraped", "n1:1")), 2);
  EXPECT_EQ(storage.Last(Series("scrape_samples_post_metric_relabeling", "n1:1")), 2);
  EXPECT_EQ(storage.Samples(Series("scrape_series_added", "n1:1"))[0].v, 2);
  EXPECT_EQ(storage.Samples(Series("scrape_series_added", "n1:1"))[1].v, 0);
  EXPECT_TRUE(storage.Last(Series("scrape_duration_seconds", "n1:1")));

  std::vector<TargetStatus> targets = manager.active_targets();
  ASSERT_EQ(targets.size(), 2u) << "equal targets are one";
  EXPECT_EQ(targets[0].scrape_url, "http://n1:1/metrics");
  EXPECT_EQ(targets[0].health, Health::kUp);
  EXPECT_EQ(targets[0].last_error, "");
  EXPECT_GT(targets[0].last_scrape_ms, 0);
  EXPECT_EQ(manager.metadata().size(), 2u);
  EXPECT_EQ(manager.pools(), std::vector<std::string>{"j"});
  ScrapeStats stats = manager.stats();
  EXPECT_EQ(stats.targets, 2u);
  EXPECT_EQ(stats.cache_entries, 6u);
  EXPECT_GE(stats.scrapes, 4u);
  EXPECT_EQ(stats.scrapes_failed, 0u);

  http::ClientRequest request = client.requests()[0];
  EXPECT_EQ(request.timeout_ms, 50);
  EXPECT_TRUE(request.accept_gzip);
  http::Pairs expected = {{"Accept", AcceptHeader({})},
                          {"X-Prometheus-Scrape-Timeout-Seconds", "0.05"},
                          {"User-Agent", "Test/1"}};
  EXPECT_EQ(request.headers, expected);
}

TEST(Manager, FailuresAreReportedAndEndTheSeries) {
  FakeStorage storage;
  std::atomic<int> mode{0};
  FakeClient client(
      [&](const http::ClientRequest&) -> std::optional<base::Result<http::ClientResponse>> {
        http::ClientResponse response = TextResponse("a 1\n");
        switch (mode) {
          case 0:
            return response;
          case 1:
            return Fail(ErrorCode::kTimeout, "context deadline exceeded");
          case 2:
            response.status = 500;
            return response;
          case 3:
            response.content_type = "text/html; charset=utf-8";
            return response;
          default:
            response.body = "a 1\nb\n";
            return response;
        }
      });
  Manager manager({}, storage, client);
  manager.Apply({Job("j")});
  manager.Update(Groups("j", {"n"}));
  ASSERT_TRUE(Eventually([&] { return storage.Last(Series("a", "n")) == 1; }));
  const std::vector<std::string> errors = {
      "", "context deadline exceeded", "server returned HTTP status 500 Internal Server Error",
      "received unsupported Content-Type \"text/html; charset=utf-8\" and no "
      "fallback_scrape_protocol specified for target",
      "line 2, column 2: expected a value after the name"};
  for (int i = 1; i <= 4; ++i) {
    mode = i;
    EXPECT_TRUE(Eventually([&] {
      return manager.active_targets()[0].last_error == errors[static_cast<size_t>(i)];
    })) << manager.active_targets()[0].last_error;
    EXPECT_EQ(manager.active_targets()[0].health, Health::kDown);
    EXPECT_EQ(storage.Last(Series("up", "n")), 0);
    EXPECT_TRUE(storage.EndsStale(Series("a", "n")));
  }
  EXPECT_EQ(storage.Samples(Series("b", "n")).size(), 0u);
  size_t samples = storage.Samples(Series("a", "n")).size();
  mode = 0;
  EXPECT_TRUE(Eventually([&] { return storage.Samples(Series("a", "n")).size() > samples; }));
  EXPECT_EQ(storage.Last(Series("a", "n")), 1);
}

TEST(Manager, OpenMetricsAndExtraMetrics) {
  FakeStorage storage;
  FakeClient client(
      [&](const http::ClientRequest&) -> std::optional<base::Result<http::ClientResponse>> {
        http::ClientResponse response = TextResponse("a_total 1 # {trace_id=\"x\"} 0.5\n# EOF\n");
        response.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return response;
      });
  config::ScrapeConfig job = Job("j");
  job.sample_limit = 10;
  job.negotiation.extra_metrics = true;
  Manager manager({}, storage, client);
  manager.Apply({job});
  manager.Update(Groups("j", {"n"}));
  ASSERT_TRUE(Eventually([&] { return storage.Last(Series("a_total", "n")) == 1; }));
  EXPECT_EQ(storage.Last(Series("scrape_timeout_seconds", "n")), 0.05);
  EXPECT_EQ(storage.Last(Series("scrape_sample_limit", "n")), 10);
  EXPECT_EQ(storage.Last(Series("scrape_body_size_bytes", "n")), 37);
}

TEST(Manager, OneBadTargetLeavesOthersAlone) {
  FakeStorage storage;
  FakeClient client([](const http::ClientRequest& request) {
    return TextResponse(request.url.find("bad") != std::string::npos ? "a{ 1\n" : "a 1\n");
  });
  Manager manager({}, storage, client);
  manager.Apply({Job("j")});
  manager.Update(Groups("j", {"good", "bad"}));
  EXPECT_TRUE(Eventually([&] { return storage.Last(Series("up", "bad")) == 0; }));
  EXPECT_TRUE(Eventually([&] { return storage.Samples(Series("a", "good")).size() > 2; }));
  EXPECT_TRUE(storage.Samples(Series("a", "bad")).empty());
}

TEST(Manager, VanishedTargetsEnd) {
  FakeStorage storage;
  FakeClient client(Always("a 1\n"));
  Manager manager({}, storage, client);
  manager.Apply({Job("j")});
  manager.Update(Groups("j", {"n1", "n2"}));
  ASSERT_TRUE(Eventually(
      [&] { return storage.Last(Series("a", "n1")) && storage.Last(Series("a", "n2")); }));
  manager.Update(Groups("j", {"n2"}));
  EXPECT_TRUE(Eventually([&] { return storage.EndsStale(Series("a", "n1")); }));
  EXPECT_TRUE(Eventually([&] { return storage.EndsStale(Series("up", "n1")); }));
  size_t samples = storage.Samples(Series("a", "n2")).size();
  EXPECT_TRUE(Eventually([&] { return storage.Samples(Series("a", "n2")).size() > samples + 1; }));
  EXPECT_TRUE(storage.EndsStale(Series("up", "n1"))) << "not scraped again";
  manager.Apply({});
  EXPECT_TRUE(Eventually([&] { return storage.EndsStale(Series("a", "n2")); }));
  EXPECT_TRUE(manager.active_targets().empty());
}

TEST(Manager, ATargetThatVanishesDuringItsScrapeEndsAfterIt) {
  FakeStorage storage;
  FakeClient client([](const http::ClientRequest&) { return std::nullopt; });
  Manager manager({}, storage, client);
  manager.Apply({Job("j")});
  manager.Update(Groups("j", {"n"}));
  ASSERT_TRUE(Eventually([&] { return client.requests().size() == 1; }));
  manager.Update({});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  client.AnswerHeld(TextResponse("a 1\n"));
  EXPECT_TRUE(Eventually([&] { return storage.EndsStale(Series("a", "n")); }));
}

TEST(Manager, SlowTargetsAreSkippedNotQueued) {
  FakeStorage storage;
  FakeClient client([](const http::ClientRequest&) { return std::nullopt; });
  Manager manager({}, storage, client);
  manager.Apply({Job("j", 20)});
  manager.Update(Groups("j", {"n"}));
  EXPECT_TRUE(Eventually([&] { return manager.stats().scrapes_skipped >= 3; }));
  EXPECT_EQ(client.requests().size(), 1u);
  client.AnswerHeld(Fail(ErrorCode::kTimeout, "context deadline exceeded"));
  EXPECT_TRUE(Eventually([&] { return client.requests().size() == 2; }));
}

TEST(Manager, StopsQuicklyWithoutStaleMarkers) {
  FakeStorage storage;
  std::atomic<bool> hold{false};
  FakeClient client(
      [&](const http::ClientRequest&) -> std::optional<base::Result<http::ClientResponse>> {
        if (hold) return std::nullopt;
        return TextResponse("a 1\n");
      });
  {
    Manager manager({}, storage, client);
    manager.Apply({Job("j", 20)});
    manager.Update(Groups("j", {"n"}));
    ASSERT_TRUE(Eventually([&] { return storage.Last(Series("a", "n")).has_value(); }));
    hold = true;
    size_t requests = client.requests().size();
    ASSERT_TRUE(Eventually([&] { return client.requests().size() > requests; }));
  }
  client.AnswerHeld(TextResponse("a 2\n"));  // comes too late, must do no harm
  EXPECT_EQ(storage.Last(Series("a", "n")), 1);
}

TEST(Manager, ReloadKeepsUnchangedTargetsAndRestartsChanged) {
  FakeStorage storage;
  FakeClient client(Always("a 1\nb 1\n"));
  Manager manager({}, storage, client);
  config::ScrapeConfig job = Job("j", 40);
  manager.Apply({job});
  manager.Update(Groups("j", {"n"}));
  ASSERT_TRUE(Eventually([&] { return storage.Last(Series("b", "n")).has_value(); }));
  size_t lookups = storage.label_lookups();
  manager.Apply({job});
  size_t samples = storage.Samples(Series("a", "n")).size();
  ASSERT_TRUE(Eventually([&] { return storage.Samples(Series("a", "n")).size() > samples + 1; }));
  EXPECT_EQ(storage.label_lookups(), lookups);

  config::RelabelConfig drop;
  drop.action = config::RelabelAction::kDrop;
  drop.source_labels = {"__name__"};
  drop.regex = *model::Regex::Compile("b");
  job.metric_relabel_configs = {drop};
  job.scrape_interval_ms = 30;
  job.scrape_timeout_ms = 30;
  manager.Apply({job});
  EXPECT_TRUE(Eventually([&] { return storage.EndsStale(Series("b", "n")); }));
  EXPECT_FALSE(storage.EndsStale(Series("a", "n")));
  EXPECT_EQ(manager.active_targets()[0].interval_ms, 30);
  EXPECT_GT(manager.active_targets()[0].last_scrape_ms, 0) << "the state stays";
}

TEST(Manager, TargetLimitAndDroppedTargets) {
  FakeStorage storage;
  FakeClient client(Always("a 1\n"));
  Manager manager({}, storage, client);
  config::ScrapeConfig job = Job("j");
  job.target_limit = 1;
  config::RelabelConfig drop;
  drop.action = config::RelabelAction::kDrop;
  drop.source_labels = {"__address__"};
  drop.regex = *model::Regex::Compile("x.*");
  job.relabel_configs = {drop};
  manager.Apply({job});
  manager.Update(Groups("j", {"n1", "n2", "x1", "x2", "x3"}));
  ASSERT_EQ(manager.dropped_targets().size(), 3u);
  EXPECT_EQ(manager.dropped_targets()[0].discovered_labels.at("__address__"), "x1");
  EXPECT_TRUE(Eventually([&] {
    return manager.active_targets()[0].last_error ==
           "target_limit exceeded (number of targets: 2, limit: 1)";
  }));
  EXPECT_TRUE(client.requests().empty());
  EXPECT_EQ(manager.stats().exceeded_target_limit, 1u);
  manager.Update(Groups("j", {"n1"}));
  EXPECT_TRUE(Eventually([&] { return storage.Last(Series("up", "n1")) == 1; }));
}

TEST(Manager, OverRealConnections) {
  http::ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  std::string big = "# TYPE m counter\n";
  for (int i = 0; i < 2000; ++i) big += "m{i=\"" + std::to_string(i) + "\"} 1\n";
  auto server = http::Server::Start(options, [&](const http::Request& request) {
    if (request.path == "/slow") std::this_thread::sleep_for(std::chrono::milliseconds(400));
    if (request.path == "/gone") return http::Response::Text(404, "no");
    http::Response response = http::Response::Text(200, big);
    return response;
  });
  ASSERT_TRUE(server) << server.error().message();
  auto client = http::Client::Start({});
  ASSERT_TRUE(client);
  FakeStorage storage;
  std::string address = (*server)->addresses()[0];
  config::ScrapeConfig slow = Job("slow", 100);
  slow.metrics_path = "/slow";
  config::ScrapeConfig gone = Job("gone", 100);
  gone.metrics_path = "/gone";
  config::ScrapeConfig small = Job("small", 100);
  small.body_size_limit = 1000;
  Manager manager({}, storage, **client);
  manager.Apply({Job("j", 100), slow, gone, small});
  discovery::TargetGroups groups = Groups("j", {address});
  for (const char* job : {"slow", "gone", "small"}) groups[job] = groups["j"];
  manager.Update(groups);
  auto error_of = [&](const std::string& pool) {
    for (const TargetStatus& target : manager.active_targets()) {
      if (target.scrape_pool == pool) return target.last_error;
    }
    return std::string();
  };
  std::string series = "m{i=\"1999\", instance=\"" + address + "\", job=\"j\"}";
  EXPECT_TRUE(Eventually([&] { return storage.Samples(series).size() >= 3; }));
  EXPECT_TRUE(
      Eventually([&] { return error_of("gone") == "server returned HTTP status 404 Not Found"; }));
  EXPECT_TRUE(Eventually([&] { return !error_of("slow").empty(); }));
  EXPECT_TRUE(Eventually([&] {
    return error_of("small") == "body size limit of 1000 bytes exceeded (body_size_limit)";
  }));
  EXPECT_GE(manager.stats().exceeded_body_size_limit, 1u);
}

TEST(Manager, NotesFailedScrapesInAFile) {
  const std::string path = testing::TempDir() + "scrape_failures_" + std::to_string(::getpid());
  FakeStorage storage;
  FakeClient client([](const http::ClientRequest&) {
    return base::Result<http::ClientResponse>(Fail(ErrorCode::kUnavailable, "no \"route\""));
  });
  {
    Manager manager({}, storage, client);
    config::ScrapeConfig job = Job("j");
    job.scrape_failure_log_file = path;
    manager.Apply({job});
    manager.Update(Groups("j", {"n1:1"}));
    ASSERT_TRUE(Eventually([&] { return storage.Samples(Series("up", "n1:1")).size() >= 2; }));
  }
  auto text = base::ReadFile(path);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_NE(
      text->find(
          R"("level":"ERROR","msg":"no \"route\"","job_name":"j","target":"http://n1:1/metrics"})"),
      std::string::npos)
      << *text;
  ASSERT_TRUE(base::RemoveFile(path));
}

TEST(Manager, CountsAllDroppedTargetsAndRemembersSome) {
  FakeStorage storage;
  FakeClient client(Always("a 1\n"));
  Manager manager({}, storage, client);
  config::ScrapeConfig job = Job("j");
  job.keep_dropped_targets = 2;
  config::RelabelConfig drop;
  drop.action = config::RelabelAction::kDrop;
  drop.regex = *model::Regex::Compile("");
  job.relabel_configs = {drop};
  manager.Apply({job});
  manager.Update(Groups("j", {"n1:1", "n2:1", "n3:1"}));
  EXPECT_EQ(manager.dropped_targets().size(), 2u);
  EXPECT_EQ(manager.dropped_counts().at("j"), 3u);
  ASSERT_TRUE(manager.pool_config("j"));
  EXPECT_EQ(manager.pool_config("j")->keep_dropped_targets, 2u);
  EXPECT_FALSE(manager.pool_config("k"));
  const ScrapeStats stats = manager.stats();
  ASSERT_EQ(stats.by_job.size(), 1u);
  EXPECT_EQ(stats.by_job[0].sync_lengths.count, 2u);
}

}  // namespace
}  // namespace slurmscope::scrape
