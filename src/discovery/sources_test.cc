#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "base/strings.h"
#include "discovery/discovery.h"
#include "discovery/dns_server_for_test.h"
#include "discovery/source.h"
#include "http/server.h"

namespace slurmscope::discovery {
namespace {

using base::StrCat;
using Mood = DnsServerForTest::Mood;
using namespace std::chrono_literals;

// A manager, an HTTP server whose answers the test chooses, and a DNS server.
class SourcesTest : public testing::Test {
 protected:
  SourcesTest() : client_(*http::Client::Start({})) {
    http::ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    server_ = *http::Server::Start(options, [this](const http::Request& request) {
      std::unique_lock lock(mutex_);
      requests_[request.path] = request;
      ++asked_[request.path];
      if (request.HasParam("index")) WaitForNews(lock, request);
      auto answer = answers_.find(request.path);
      return answer == answers_.end() ? http::Response::Text(404, "no") : answer->second;
    });
    DiscoveryOptions manager;
    manager.update_interval_ms = 0;
    manager.client = client_.get();
    manager.resolver = {dns_.address(), 50, 2};
    manager_ = std::make_unique<Manager>(
        [this](const TargetGroups& groups) {
          std::lock_guard lock(mutex_);
          groups_ = groups;
          changed_.notify_all();
        },
        manager);
  }
  ~SourcesTest() override {
    manager_.reset();
    client_.reset();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    server_->Stop(0);
  }

  // As Consul: an answer that is known already is held back.
  void WaitForNews(std::unique_lock<std::mutex>& lock, const http::Request& request) {
    changed_.wait_for(lock, 30s, [&] {
      const http::Response& answer = answers_[request.path];
      return stopping_ || answer.headers.empty() ||
             answer.headers[0].second != request.Param("index");
    });
  }
  // An answer with the index of its state.
  void AnswerIndexed(const std::string& path, int index, std::string json) {
    http::Response response = http::Response::Json(200, std::move(json));
    response.headers.emplace_back("X-Consul-Index", StrCat(index));
    Answer(path, std::move(response));
  }
  bool WaitForRequest(const std::string& path,
                      const std::function<bool(const http::Request&)>& condition) {
    for (int i = 0; i < 6000 && !condition(RequestOf(path)); ++i) std::this_thread::sleep_for(5ms);
    return condition(RequestOf(path));
  }
  int AskedFor(const std::string& path) {
    std::lock_guard lock(mutex_);
    return asked_[path];
  }

  std::string url(std::string_view path) const {
    return StrCat("http://127.0.0.1:", server_->port(), path);
  }
  void Answer(const std::string& path, http::Response response) {
    std::lock_guard lock(mutex_);
    answers_[path] = std::move(response);
    changed_.notify_all();
  }
  http::Request RequestOf(const std::string& path) {
    std::lock_guard lock(mutex_);
    return requests_[path];
  }
  config::ScrapeConfig& Job() {
    jobs_.resize(1);
    jobs_[0].job_name = "job";
    return jobs_[0];
  }
  // The targets of the job now.
  std::string Targets() const {
    std::string targets;
    auto found = groups_.find("job");
    if (found == groups_.end()) return targets;
    for (const auto& group : found->second) {
      for (const auto& target : group.targets)
        base::StrAppend(targets, targets.empty() ? "" : " ", target);
    }
    return targets;
  }
  void WaitForTargets(const std::string& targets) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 30s, [&] { return Targets() == targets; });
    ASSERT_EQ(Targets(), targets);
  }
  std::map<std::string, std::string> LabelsOf(size_t group) {
    std::lock_guard lock(mutex_);
    return groups_["job"].at(group).labels;
  }
  bool WaitForStats(const std::function<bool(const DiscoveryStats&)>& condition) {
    for (int i = 0; i < 6000 && !condition(manager_->stats()); ++i)
      std::this_thread::sleep_for(5ms);
    return condition(manager_->stats());
  }

  DnsServerForTest dns_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<http::Server> server_;
  std::vector<config::ScrapeConfig> jobs_;
  std::mutex mutex_;  // for all below
  std::condition_variable changed_;
  std::map<std::string, http::Response> answers_;
  std::map<std::string, http::Request> requests_;
  std::map<std::string, int> asked_;
  bool stopping_ = false;
  TargetGroups groups_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(SourcesTest, HttpTargetsComeAndGoAndStayWhenTheServerFails) {
  Answer("/sd", http::Response::Json(
                    200, R"([{"targets":["a:1","b:2"],"labels":{"rack":"r1"}},{"targets":[]}])"));
  Job().sd.http.push_back({url("/sd"), 20, {}});
  manager_->Apply(jobs_);
  WaitForTargets("a:1 b:2");
  EXPECT_EQ(LabelsOf(0).at("rack"), "r1");
  EXPECT_EQ(LabelsOf(0).at("__meta_url"), url("/sd"));
  EXPECT_EQ(RequestOf("/sd").Header("Accept"), "application/json");
  EXPECT_EQ(RequestOf("/sd").Header("X-Prometheus-Refresh-Interval-Seconds"), "0.02");

  Answer("/sd", http::Response::Text(500, "oops"));
  ASSERT_TRUE(WaitForStats([](const auto& stats) { return stats.http_failures >= 2; }));
  WaitForTargets("a:1 b:2");
  Answer("/sd", http::Response::Json(200, R"([{"targets":["c:3"]}])"));
  WaitForTargets("c:3");
  DiscoveryStats stats = manager_->stats();
  ASSERT_EQ(stats.refreshes.size(), 1U);
  EXPECT_EQ(stats.refreshes[0].mechanism, "http");
  EXPECT_EQ(stats.refreshes[0].job, "job");
  EXPECT_GE(stats.refreshes[0].failures, 2U);
  EXPECT_EQ(stats.discovered_targets.at("job"), 1U);
}

TEST_F(SourcesTest, AReloadKeepsWhatIsUnchangedAndDropsTheRest) {
  Answer("/one", http::Response::Json(200, R"([{"targets":["a:1"]}])"));
  Answer("/two", http::Response::Json(200, R"([{"targets":["b:2"]}])"));
  Job().sd.http = {{url("/one"), 3'600'000, {}}, {url("/two"), 3'600'000, {}}};
  manager_->Apply(jobs_);
  WaitForTargets("a:1 b:2");
  Answer("/one", http::Response::Text(404, "must not be asked again"));
  Job().sd.http.pop_back();
  manager_->Apply(jobs_);
  WaitForTargets("a:1");
  EXPECT_EQ(manager_->stats().http_failures, 0U);
}

TEST(HttpGroupsTest, TakesOnlyJsonOfTheRightShape) {
  const auto read = [](std::string type, std::string body) {
    http::ClientResponse response;
    response.content_type = std::move(type);
    response.body = std::move(body);
    auto groups = ReadHttpGroups(response, "http://x/sd");
    return groups ? StrCat(groups->size()) : groups.error().message();
  };
  EXPECT_EQ(read("application/json", "[]"), "0");
  EXPECT_EQ(read("Application/JSON; charset=\"UTF-8\"", R"([{"targets":["a"]}])"), "1");
  EXPECT_EQ(read("text/plain", "[]"), "unsupported content type \"text/plain\"");
  EXPECT_NE(read("application/json", "[null]").find("an empty target group"), std::string::npos);
  EXPECT_NE(read("application/json", "{}").find("expected a list"), std::string::npos);
  EXPECT_NE(read("application/json", R"([{"targets":["a"],"x":1}])").find("unknown key"),
            std::string::npos);
  EXPECT_NE(read("application/json", "[").find("http://x/sd:1"), std::string::npos);
}

TEST_F(SourcesTest, DnsRecordsOfAllTypes) {
  using Server = DnsServerForTest;
  dns_.Set("_x._tcp.example", Server::kSrv,
           {Dns16(1) + Dns16(2) + Dns16(9100) + DnsName("n1.example"),
            Dns16(1) + Dns16(2) + Dns16(9200) + DnsName("n2.example")});
  dns_.Set("a.example", Server::kA, {"\x0A\x01\x02\x03"});
  dns_.Set("a6.example", Server::kAaaa, {std::string("\x20\x01") + std::string(13, '\0') + "\x01"});
  dns_.Set("m.example", Server::kMx, {Dns16(10) + DnsName("mail.example")});
  dns_.Set("n.example", Server::kNs, {DnsName("ns.example")});
  using Type = config::DnsRecordType;
  Job().sd.dns = {{{"_x._tcp.example"}, Type::kSrv, 0, 3'600'000},
                  {{"a.example"}, Type::kA, 9100, 3'600'000},
                  {{"a6.example"}, Type::kAaaa, 9100, 3'600'000},
                  {{"m.example"}, Type::kMx, 25, 3'600'000},
                  {{"n.example"}, Type::kNs, 53, 3'600'000}};
  manager_->Apply(jobs_);
  WaitForTargets(
      "n1.example:9100 n2.example:9200 10.1.2.3:9100 [2001::1]:9100 mail.example:25 "
      "ns.example:53");
  EXPECT_EQ(LabelsOf(0),
            (std::map<std::string, std::string>{{"__meta_dns_name", "_x._tcp.example"},
                                                {"__meta_dns_srv_record_port", "9100"},
                                                {"__meta_dns_srv_record_target", "n1.example."}}));
  EXPECT_EQ(LabelsOf(2), (std::map<std::string, std::string>{{"__meta_dns_name", "a.example"}}));
  EXPECT_EQ(LabelsOf(4).at("__meta_dns_mx_record_target"), "mail.example.");
  EXPECT_EQ(LabelsOf(5).at("__meta_dns_ns_record_target"), "ns.example.");
  EXPECT_EQ(manager_->stats().dns_lookups, 5U);
  EXPECT_EQ(manager_->stats().dns_failures, 0U);
}

TEST_F(SourcesTest, NamesThatCannotBeAskedForKeepTheirTargets) {
  dns_.Set("a.example", DnsServerForTest::kA, {"\x0A\x01\x02\x03"});
  Job().sd.dns = {{{"a.example", "gone.example"}, config::DnsRecordType::kA, 1, 20}};
  manager_->Apply(jobs_);
  WaitForTargets("10.1.2.3:1");
  for (Mood mood : {Mood::kFail, Mood::kSilent, Mood::kNonsense}) {
    const uint64_t before = manager_->stats().dns_failures;
    dns_.SetMood(mood);
    ASSERT_TRUE(WaitForStats([&](const auto& stats) { return stats.dns_failures >= before + 4; }));
    WaitForTargets("10.1.2.3:1");
  }
  dns_.SetMood(Mood::kAnswer);
  dns_.Set("a.example", DnsServerForTest::kA, {"\x0A\x01\x02\x03", "\x0A\x01\x02\x04"});
  WaitForTargets("10.1.2.3:1 10.1.2.4:1");
  dns_.Set("a.example", DnsServerForTest::kA, {});
  WaitForTargets("");
}

constexpr const char* kInstances = R"([
 {"Node":{"Node":"n1","Address":"10.0.0.1","TaggedAddresses":{"lan":"10.0.0.1","wan":"1.2.3.4"},
          "Meta":{"rack-id":"r1"}},
  "Service":{"ID":"web-1","Service":"web","Tags":["a","b"],"Address":"","Port":80,
             "Meta":{"v":"2"},"Namespace":"ns1","Partition":"p1"},
  "Checks":[{"CheckID":"x","Status":"passing"},{"CheckID":"y","Status":"warning"}]},
 {"Node":{"Node":"n2","Address":"10.0.0.2","TaggedAddresses":null,"Meta":null},
  "Service":{"ID":"web-2","Service":"web","Tags":[],"Address":"fd00::2","Port":81},
  "Checks":[{"CheckID":"_node_maintenance","Status":"critical"}]}])";

TEST_F(SourcesTest, ConsulServices) {
  Answer("/v1/agent/self", http::Response::Json(200, R"({"Config":{"Datacenter":"dc7"}})"));
  Answer("/v1/catalog/services",
         http::Response::Json(200, R"({"consul":[],"db":["a"],"web":["a","b"]})"));
  Answer("/v1/health/service/web", http::Response::Json(200, kInstances));
  config::ConsulSdConfig consul;
  consul.server = StrCat("127.0.0.1:", server_->port());
  consul.token = "s3cret";
  consul.tags = {"a", "b"};
  consul.node_meta = {{"rack", "1"}};
  consul.refresh_interval_ms = 20;
  Job().sd.consul = {consul};
  manager_->Apply(jobs_);
  WaitForTargets("10.0.0.1:80 [fd00::2]:81");
  EXPECT_EQ(LabelsOf(0),
            (std::map<std::string, std::string>{{"__meta_consul_address", "10.0.0.1"},
                                                {"__meta_consul_dc", "dc7"},
                                                {"__meta_consul_health", "warning"},
                                                {"__meta_consul_metadata_rack_id", "r1"},
                                                {"__meta_consul_namespace", "ns1"},
                                                {"__meta_consul_node", "n1"},
                                                {"__meta_consul_partition", "p1"},
                                                {"__meta_consul_service", "web"},
                                                {"__meta_consul_service_address", ""},
                                                {"__meta_consul_service_id", "web-1"},
                                                {"__meta_consul_service_metadata_v", "2"},
                                                {"__meta_consul_service_port", "80"},
                                                {"__meta_consul_tagged_address_lan", "10.0.0.1"},
                                                {"__meta_consul_tagged_address_wan", "1.2.3.4"},
                                                {"__meta_consul_tags", ",a,b,"}}));
  EXPECT_EQ(LabelsOf(1).at("__meta_consul_health"), "maintenance");
  http::Request asked = RequestOf("/v1/health/service/web");
  EXPECT_EQ(asked.Header("X-Consul-Token"), "s3cret");
  EXPECT_EQ(asked.ParamAll("tag").size(), 2U);
  EXPECT_EQ(asked.Param("node-meta"), "rack:1");
  EXPECT_TRUE(asked.HasParam("stale"));

  Answer("/v1/health/service/web", http::Response::Text(500, "oops"));
  ASSERT_TRUE(WaitForStats([](const auto& stats) { return stats.consul_failures >= 2; }));
  WaitForTargets("10.0.0.1:80 [fd00::2]:81");
  Answer("/v1/catalog/services", http::Response::Json(200, "{}"));
  WaitForTargets("");
}

TEST_F(SourcesTest, ConsulTellsWhatIsNewAtOnceAndIsNotPolled) {
  const auto instances = [](int port) {
    return StrCat(R"([{"Node":{"Address":"h"},"Service":{"Port":)", port, "}}]");
  };
  const std::string services = "/v1/catalog/services";
  const std::string web = "/v1/health/service/web";
  AnswerIndexed(services, 5, R"({"web":[]})");
  AnswerIndexed(web, 7, instances(1));
  config::ConsulSdConfig consul;
  consul.server = StrCat("127.0.0.1:", server_->port());
  consul.datacenter = "dc";
  consul.refresh_interval_ms = 10;
  Job().sd.consul = {consul};
  manager_->Apply(jobs_);
  WaitForTargets("h:1");
  std::this_thread::sleep_for(300ms);
  EXPECT_LE(AskedFor(services), 3);
  EXPECT_LE(AskedFor(web), 3);
  EXPECT_EQ(RequestOf(web).Param("index"), "7");
  EXPECT_EQ(RequestOf(web).Param("wait"), "120000ms");
  AnswerIndexed(web, 8, instances(2));
  WaitForTargets("h:2");
  AnswerIndexed("/v1/health/service/db", 3, instances(9));
  AnswerIndexed(services, 6, R"({"web":[],"db":[]})");
  WaitForTargets("h:9 h:2");
  AnswerIndexed(services, 7, R"({"db":[]})");
  WaitForTargets("h:9");
  // A server that began anew has lower numbers; one that cannot be read is asked from the start.
  AnswerIndexed("/v1/health/service/db", 2, instances(10));
  WaitForTargets("h:10");
  AnswerIndexed("/v1/health/service/db", 4, "[");
  ASSERT_TRUE(WaitForRequest("/v1/health/service/db",
                             [](const auto& request) { return !request.HasParam("index"); }));
  AnswerIndexed("/v1/health/service/db", 4, instances(11));
  WaitForTargets("h:11");
  EXPECT_EQ(manager_->stats().consul_failures, 0U);
  EXPECT_TRUE(manager_->stats().refreshes.empty());
}

TEST_F(SourcesTest, StopsWhileQuestionsAreUnderWay) {
  dns_.SetMood(Mood::kSilent);
  Job().sd.dns = {{{"a.example"}, config::DnsRecordType::kA, 1, 3'600'000}};
  Job().sd.http = {{"http://127.0.0.1:1/", 20, {}}};
  manager_->Apply(jobs_);
  ASSERT_TRUE(WaitForStats([](const auto& stats) { return stats.dns_lookups >= 1; }));
  manager_.reset();
}

}  // namespace
}  // namespace slurmscope::discovery
