#include "notify/manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "http/server.h"

namespace slurmscope::notify {
namespace {

constexpr int64_t kT = 1'700'000'000'000;

// An Alertmanager that keeps what it is told, and may be slow or refuse.
class FakeAlertmanager {
 public:
  FakeAlertmanager() {
    http::ServerOptions options;
    options.listen_addresses = {"127.0.0.1:0"};
    server_ = http::Server::Start(options, [this](const http::Request& request) {
                while (hang && !request.canceled())
                  std::this_thread::sleep_for(std::chrono::milliseconds(5));
                std::lock_guard lock(mutex_);
                requests_.push_back(request);
                return http::Response::Text(status, "");
              }).value();
  }
  std::string address() const { return server_->addresses().front(); }
  std::vector<http::Request> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }

  std::atomic<int> status = 200;
  std::atomic<bool> hang = false;

 private:
  mutable std::mutex mutex_;
  std::vector<http::Request> requests_;
  std::unique_ptr<http::Server> server_;
};

class NotifyTest : public testing::Test {
 protected:
  void Start(ManagerOptions options = {}) {
    manager_ = std::make_unique<Manager>(options, *client_);
  }
  static config::AlertmanagerConfig ConfigFor(const std::vector<std::string>& targets) {
    config::AlertmanagerConfig config;
    config::TargetGroup group;
    group.targets = targets;
    group.source = "0";
    config.static_configs = {group};
    return config;
  }
  void Apply(std::vector<config::AlertmanagerConfig> alertmanagers,
             std::vector<config::RelabelConfig> rules = {}) {
    config::AlertingConfig config;
    config.alertmanagers = std::move(alertmanagers);
    config.alert_relabel_configs = std::move(rules);
    size_t wanted = 0;
    for (const auto& each : config.alertmanagers)
      wanted += each.static_configs.at(0).targets.size();
    manager_->Apply(config, {{"cluster", "c1"}, {"job", "external"}});
    EXPECT_TRUE(WaitFor([&] {
      Alertmanagers found = manager_->alertmanagers();
      return found.active.size() + found.dropped.size() == wanted;
    }));
  }
  static model::Alert MakeAlert(std::string_view name) {
    model::Alert alert;
    alert.labels = {{"alertname", name}, {"job", "own"}};
    alert.annotations = {{"summary", "a \"b\""}, {"empty", ""}};
    alert.starts_at_ms = kT;
    alert.ends_at_ms = kT + 240'500;
    alert.generator_url = "http://head:9090/graph?g0.expr=up&g0.tab=1";
    return alert;
  }
  static std::vector<model::Alert> Many(size_t n) {
    std::vector<model::Alert> alerts;
    for (size_t i = 0; i < n; ++i) alerts.push_back(MakeAlert("A" + std::to_string(i)));
    return alerts;
  }
  template <typename Condition>
  static bool WaitFor(const Condition& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  SenderStats Stats() const { return manager_->stats().senders.at(0); }
  static config::RelabelConfig Rule(config::RelabelAction action, const std::string& regex) {
    config::RelabelConfig rule;
    rule.action = action;
    rule.source_labels = {"alertname"};
    rule.regex = model::Regex::Compile(regex).value();
    return rule;
  }

  FakeAlertmanager alertmanager_;
  std::unique_ptr<http::Client> client_ = http::Client::Start({}).value();
  std::unique_ptr<Manager> manager_;
};

TEST_F(NotifyTest, TellsAlertsWithExternalLabelsAndCredentials) {
  Start();
  config::AlertmanagerConfig config = ConfigFor({alertmanager_.address()});
  config.path_prefix = "/am/";
  config.http.basic_auth = config::BasicAuthConfig{{"user", ""}, {"pass", ""}};
  Apply({config});
  manager_->Send({MakeAlert("A")});
  ASSERT_TRUE(WaitFor([&] { return !alertmanager_.requests().empty(); }));
  http::Request request = alertmanager_.requests().front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/am/api/v2/alerts");
  EXPECT_EQ(request.Header("Content-Type"), "application/json");
  EXPECT_EQ(request.Header("Authorization"), "Basic dXNlcjpwYXNz");
  EXPECT_EQ(request.body,
            R"([{"annotations":{"empty":"","summary":"a \"b\""},"endsAt":"2023-11-14T22:17:20.5Z",)"
            R"("startsAt":"2023-11-14T22:13:20Z",)"
            R"("generatorURL":"http://head:9090/graph?g0.expr=up&g0.tab=1",)"
            R"("labels":{"alertname":"A","cluster":"c1","job":"own"}}])");
  EXPECT_TRUE(WaitFor([&] { return Stats().sent == 1; }));
  EXPECT_EQ(Stats().errors, 0u);
}

TEST_F(NotifyTest, RelabelsAlertsAndAlertmanagers) {
  Start();
  FakeAlertmanager other;
  config::AlertmanagerConfig second = ConfigFor({other.address()});
  second.alert_relabel_configs = {Rule(config::RelabelAction::kDrop, "B")};
  config::AlertmanagerConfig none = ConfigFor({"nobody:9093"});
  none.relabel_configs = {Rule(config::RelabelAction::kKeep, "x")};
  Apply({ConfigFor({alertmanager_.address()}), second, none},
        {Rule(config::RelabelAction::kDrop, "C")});
  EXPECT_EQ(manager_->alertmanagers().dropped,
            (std::vector<std::string>{"http://nobody:9093/api/v2/alerts"}));
  manager_->Send({MakeAlert("A"), MakeAlert("B"), MakeAlert("C")});
  ASSERT_TRUE(
      WaitFor([&] { return !alertmanager_.requests().empty() && !other.requests().empty(); }));
  auto has = [](const FakeAlertmanager& where, const std::string& name) {
    return where.requests().front().body.find("\"alertname\":\"" + name) != std::string::npos;
  };
  EXPECT_TRUE(has(alertmanager_, "A") && has(alertmanager_, "B") && !has(alertmanager_, "C"));
  EXPECT_TRUE(has(other, "A") && !has(other, "B") && !has(other, "C"));
}

TEST_F(NotifyTest, SendsInBatchesAndDropsTheOldestBeyondTheQueue) {
  ManagerOptions options;
  options.sender.queue_capacity = 20;
  options.sender.batch_size = 8;
  options.drain_ms = 0;
  Start(options);
  Apply({ConfigFor({alertmanager_.address()})});
  alertmanager_.hang = true;
  manager_->Send(Many(1));  // under way
  ASSERT_TRUE(WaitFor([&] { return Stats().queued == 0; }));
  manager_->Send(Many(30));
  EXPECT_EQ(Stats().queued, 20u);
  EXPECT_EQ(Stats().dropped, 10u);
  alertmanager_.hang = false;
  ASSERT_TRUE(WaitFor([&] { return Stats().sent == 21; }));
  auto requests = alertmanager_.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[1].body.find("\"A9\""), std::string::npos);
  EXPECT_NE(requests[1].body.find("\"A10\""), std::string::npos);
}

TEST_F(NotifyTest, CountsWhatIsRefusedAndGoesOn) {
  Start();
  Apply({ConfigFor({alertmanager_.address()})});
  alertmanager_.status = 500;
  manager_->Send(Many(2));
  ASSERT_TRUE(WaitFor([&] { return Stats().errors == 2; }));
  EXPECT_EQ(Stats().dropped, 2u);
  alertmanager_.status = 200;
  manager_->Send(Many(1));
  ASSERT_TRUE(WaitFor([&] { return Stats().sent == 3; }));
  EXPECT_EQ(Stats().errors, 2u);
}

TEST_F(NotifyTest, OneThatHangsHoldsUpNobody) {
  ManagerOptions options;
  options.drain_ms = 0;
  Start(options);
  FakeAlertmanager slow;
  slow.hang = true;
  Apply({ConfigFor({slow.address(), alertmanager_.address()})});
  for (int i = 0; i < 5; ++i) {
    manager_->Send(Many(1));
    ASSERT_TRUE(
        WaitFor([&] { return alertmanager_.requests().size() == static_cast<size_t>(i) + 1; }));
  }
  slow.hang = false;
}

TEST_F(NotifyTest, DrainsWhenItStops) {
  ManagerOptions options;
  options.sender.batch_size = 1;
  options.drain_ms = 20'000;
  Start(options);
  Apply({ConfigFor({alertmanager_.address()})});
  alertmanager_.hang = true;
  manager_->Send(Many(5));
  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    alertmanager_.hang = false;
  });
  manager_.reset();
  release.join();
  EXPECT_EQ(alertmanager_.requests().size(), 5u);
}

TEST_F(NotifyTest, StopsWithoutDrainingWhenTold) {
  ManagerOptions options;
  options.sender.batch_size = 1;
  options.drain_on_stop = false;
  Start(options);
  Apply({ConfigFor({alertmanager_.address()})});
  alertmanager_.hang = true;
  manager_->Send(Many(5));
  manager_.reset();
  alertmanager_.hang = false;
  client_.reset();
  EXPECT_LE(alertmanager_.requests().size(), 1u);
}

TEST_F(NotifyTest, AReloadKeepsCountersAndForgetsWhatIsGone) {
  Start();
  Apply({ConfigFor({alertmanager_.address()})});
  manager_->Send(Many(1));
  ASSERT_TRUE(WaitFor([&] { return Stats().sent == 1; }));
  Apply({ConfigFor({alertmanager_.address(), "127.0.0.1:1"})});
  EXPECT_EQ(manager_->stats().senders.size(), 2u);
  config::AlertingConfig none;
  manager_->Apply(none, {});
  EXPECT_TRUE(WaitFor([&] { return manager_->alertmanagers().active.empty(); }));
  manager_->Send(Many(1));
  EXPECT_EQ(alertmanager_.requests().size(), 1u);
}

}  // namespace
}  // namespace slurmscope::notify
