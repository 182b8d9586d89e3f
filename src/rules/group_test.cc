#include "rules/group.h"

#include <gtest/gtest.h>

#include "rules/dependencies.h"
#include "rules/fakes_for_test.h"

namespace slurmscope::rules {
namespace {

constexpr int64_t kT = RuleWorld::kStart;
constexpr int64_t kMinute = 60'000;

TEST(RecordingRules, LaterRulesSeeEarlierOnes) {
  RuleWorld world;
  auto group = world.MakeGroup(R"(
groups:
- name: g
  labels: {team: a, x: group}
  rules:
  - {record: "a:sum", expr: sum by (job) (up), labels: {x: rule}}
  - {record: "a:twice", expr: "a:sum * 2"}
  - {record: "a:scalar", expr: "3"}
)");
  world.Add({{"__name__", "up"}, {"job", "j"}, {"instance", "1"}}, kT, 1);
  world.Add({{"__name__", "up"}, {"job", "j"}, {"instance", "2"}}, kT, 1);
  world.Evaluate(*group, kT);
  EXPECT_EQ(world.Query("{__name__=~\"a:.*\"}", kT),
            "a:scalar{team=\"a\", x=\"group\"} 3\n"
            "a:sum{job=\"j\", team=\"a\", x=\"rule\"} 2\n"
            "a:twice{job=\"j\", team=\"a\", x=\"group\"} 4\n");
  GroupStatus status = group->status();
  EXPECT_EQ(status.rules[0].health, RuleHealth::kOk);
  EXPECT_EQ(status.rules[0].query, "sum by (job) (up)");
  EXPECT_EQ(status.interval_ms, kMinute);
  EXPECT_EQ(group->stats().last_samples, 3u);
}

TEST(RecordingRules, EndsSeriesThatVanish) {
  RuleWorld world;
  auto group = world.MakeGroup("groups: [{name: g, rules: [{record: r, expr: 'sum by (i) (m)'}]}]");
  world.Add({{"__name__", "m"}, {"i", "1"}}, kT, 5);
  world.Evaluate(*group, kT);
  EXPECT_EQ(world.Query("r", kT), "r{i=\"1\"} 5\n");
  world.Add({{"__name__", "m"}, {"i", "1"}}, kT + kMinute, model::StaleNan());
  world.Evaluate(*group, kT + kMinute);
  EXPECT_EQ(world.Query("r", kT + kMinute), "");
}

TEST(RecordingRules, QueryOffsetAndLimitAndDuplicates) {
  RuleWorld world;
  auto group = world.MakeGroup(R"(
groups:
- name: g
  query_offset: 1m
  limit: 1
  rules:
  - {record: r, expr: "m"}
  - {record: many, expr: "n"}
  - {record: same, expr: 'label_replace(n, "i", "", "", "")'}
  - {record: text, expr: '"x"'}
)");
  world.Add({{"__name__", "m"}}, kT - kMinute, 1);
  world.Add({{"__name__", "m"}}, kT, 2);
  for (const char* i : {"1", "2"}) world.Add({{"__name__", "n"}, {"i", i}}, kT - kMinute, 1);
  world.Evaluate(*group, kT);
  EXPECT_EQ(world.Query("timestamp(r) - " + std::to_string(kT / 1000), kT), "{} -60\n");
  EXPECT_EQ(world.Query("r", kT), "r 1\n");
  GroupStatus status = group->status();
  EXPECT_EQ(status.rules[1].last_error, "exceeded limit of 1 with 2 series");
  EXPECT_EQ(status.rules[1].health, RuleHealth::kErr);
  EXPECT_NE(status.rules[2].last_error, "");
  EXPECT_EQ(status.rules[3].last_error, "rule result is not a vector or scalar");
  EXPECT_EQ(group->stats().failures, 3u);
  EXPECT_EQ(world.Query("many", kT), "");
}

TEST(Groups, SlotsAreTheSameAtEveryStartAndSpread) {
  RuleWorld world;
  auto a = world.MakeGroup("groups: [{name: a, rules: []}]");
  auto b = world.MakeGroup("groups: [{name: b, rules: []}]");
  int64_t slot = a->SlotBefore(kT);
  EXPECT_LE(slot, kT);
  EXPECT_GT(slot, kT - kMinute);
  EXPECT_EQ(a->SlotBefore(slot), slot);
  EXPECT_EQ(a->SlotBefore(slot + kMinute - 1), slot);
  EXPECT_EQ(a->SlotBefore(slot + kMinute), slot + kMinute);
  EXPECT_NE(a->SlotBefore(kT), b->SlotBefore(kT));
}

TEST(Groups, AReloadKeepsAlertsAndEndsSeriesOfRulesThatAreGone) {
  RuleWorld world;
  auto before = world.MakeGroup(R"(
groups:
- name: g
  rules:
  - {record: gone, expr: 1}
  - {record: stays, expr: 2}
  - {alert: A, expr: vector(1), for: 10m}
)");
  world.Evaluate(*before, kT);
  auto after = world.MakeGroup(R"(
groups:
- name: g
  rules:
  - {alert: A, expr: vector(1) > 0, for: 20m}
  - {record: stays, expr: 3}
)");
  after->CopyState(*before);
  EXPECT_EQ(after->status().rules[0].alerts.at(0).active_at_ms, kT);
  world.Evaluate(*after, kT + kMinute);
  EXPECT_EQ(world.Query("gone", kT + kMinute), "");
  EXPECT_EQ(world.Query("stays", kT + kMinute), "stays 3\n");
  EXPECT_EQ(after->status().rules[0].alerts.at(0).active_at_ms, kT);
  EXPECT_FALSE(after->SameAs(before->config(), world.defaults_));
  EXPECT_TRUE(after->SameAs(after->config(), world.defaults_));
  after->EndSeries(kT + 2 * kMinute);
  EXPECT_EQ(world.Query("stays", kT + 2 * kMinute), "");
}

std::vector<std::vector<size_t>> Plan(std::string_view text) {
  std::vector<std::shared_ptr<Rule>> rules;
  auto groups = RuleWorld::Parse(text);
  for (const config::RuleConfig& rule : groups.front().rules)
    rules.push_back(std::make_shared<RecordingRule>(rule, rule.labels));
  return PlanBatches(rules, true);
}

TEST(Batches, IndependentRulesGoTogether) {
  using Batches = std::vector<std::vector<size_t>>;
  EXPECT_EQ(Plan(R"(
groups:
- name: g
  rules:
  - {record: a, expr: up}
  - {record: b, expr: a + up}
  - {record: c, expr: 'rate(b[5m])'}
  - {record: d, expr: up}
)"),
            (Batches{{0, 3}, {1}, {2}}));
  EXPECT_EQ(Plan(R"(
groups:
- name: g
  rules:
  - {record: a, expr: up}
  - {record: b, expr: '{x="y"}'}
)"),
            (Batches{{0}, {1}}));
}

TEST(Batches, RunSideBySide) {
  RuleWorld world;
  base::ThreadPool pool(2, 100);
  world.environment_.pool = &pool;
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (int i = 0; i < 50; ++i)
    text += "  - {record: r" + std::to_string(i) + ", expr: '" + std::to_string(i) + "'}\n";
  auto group = world.MakeGroup(text + "  - {record: sum, expr: r1 + r2}\n");
  world.Evaluate(*group, kT);
  EXPECT_EQ(world.Query("count({__name__=~\"r.*\"})", kT), "{} 50\n");
  EXPECT_EQ(world.Query("sum", kT), "sum 3\n");
  EXPECT_EQ(group->stats().evaluations, 51u);
}

TEST(Groups, StopBetweenRulesWhenCanceled) {
  RuleWorld world;
  auto group = world.MakeGroup(
      "groups: [{name: g, rules: [{record: a, expr: '1'}, {record: b, expr: '1'}]}]");
  int asked = 0;
  group->Evaluate(kT, [&] { return ++asked > 1; });
  EXPECT_EQ(group->stats().evaluations, 1u);
}

}  // namespace
}  // namespace slurmscope::rules
