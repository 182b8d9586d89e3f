#include "rules/manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "rules/fakes_for_test.h"

namespace slurmscope::rules {
namespace {

// Real time: only what takes well below a second is waited for.
class ManagerTest : public testing::Test {
 protected:
  ManagerTest() { defaults_.interval_ms = 100; }

  void Start(ManagerOptions options = {}) {
    manager_ = std::make_unique<Manager>(std::move(options), world_.engine_, world_.storage_,
                                         world_.appendable_);
  }
  template <typename Condition>
  static bool WaitFor(const Condition& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  uint64_t Iterations(size_t group = 0) const { return manager_->stats().at(group).iterations; }

  RuleWorld world_;
  GroupDefaults defaults_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ManagerTest, EvaluatesInItsIntervalAndTells) {
  std::atomic<int> told = 0;
  ManagerOptions options;
  options.notify = [&](const std::vector<model::Alert>& alerts) {
    told += static_cast<int>(alerts.size());
  };
  Start(options);
  manager_->Apply(RuleWorld::Parse("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]"),
                  defaults_);
  EXPECT_TRUE(WaitFor([&] { return told > 0 && Iterations() >= 3; }));
  auto groups = manager_->groups();
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].rules[0].state, AlertState::kFiring);
  EXPECT_GT(groups[0].last_evaluation_ms, 0);
}

TEST_F(ManagerTest, AReloadKeepsGroupsThatAreTheSame) {
  Start();
  std::string stays = "- {name: stays, rules: [{record: a, expr: '1'}]}\n";
  manager_->Apply(
      RuleWorld::Parse("groups:\n" + stays + "- {name: gone, rules: [{record: b, expr: '1'}]}\n"),
      defaults_);
  ASSERT_TRUE(WaitFor([&] { return Iterations(0) >= 2 && Iterations(1) >= 2; }));
  uint64_t before = Iterations(1);
  manager_->Apply(RuleWorld::Parse("groups:\n" + stays), defaults_);
  ASSERT_EQ(manager_->stats().size(), 1u);
  EXPECT_GE(Iterations(0), before - 1);
  // The series of the other group ends.
  auto ended = [&] {
    auto now = base::SystemClock().NowMs();
    return world_.Query("b", now).empty() && !world_.Query("a", now).empty();
  };
  EXPECT_TRUE(WaitFor(ended));
}

}  // namespace
}  // namespace slurmscope::rules
