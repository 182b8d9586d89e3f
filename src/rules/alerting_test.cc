// Alerts over time. The cases follow the alert generator specification of prometheus/compliance:
// its four scenarios and the rules it states, played with a clock of our own.
#include <gtest/gtest.h>

#include <algorithm>

#include "rules/fakes_for_test.h"

namespace slurmscope::rules {
namespace {

constexpr int64_t kT = RuleWorld::kStart;
constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60'000;
constexpr int64_t kInterval = 30 * kSecond;

class Alerting : public testing::Test {
 protected:
  Alerting() { world_.defaults_.interval_ms = kInterval; }

  // Evaluates every 30 s from the last time on up to `until`, with `metric` at `value` meanwhile.
  void PlayUntil(int64_t until, double value) {
    for (; now_ <= until; now_ += kInterval) {
      world_.Add({{"__name__", "metric"}, {"instance", "a"}, {"job", "j"}}, now_, value);
      world_.Evaluate(*group_, now_);
      auto told = world_.TakeTold();
      for (const model::Alert& alert : told) told_.push_back({now_, alert});
    }
  }
  RuleStatus Status(size_t rule = 0) const { return group_->status().rules.at(rule); }
  std::string Alerts(int64_t t) { return world_.Query("ALERTS", t); }
  // Times at which firing (or resolved) alerts were told, in seconds since the start.
  std::vector<int64_t> ToldAt(bool resolved) const {
    std::vector<int64_t> times;
    for (const auto& [t, alert] : told_) {
      bool is_resolved = alert.ends_at_ms <= t;
      if (is_resolved == resolved) times.push_back((t - kT) / kSecond);
    }
    return times;
  }
  void Load(std::string_view text) { group_ = world_.MakeGroup(text); }

  RuleWorld world_;
  std::unique_ptr<Group> group_;
  int64_t now_ = kT;
  std::vector<std::pair<int64_t, model::Alert>> told_;
};

constexpr std::string_view kWithFor = R"(
groups:
- name: g
  rules:
  - alert: A
    expr: metric > 10
    for: 1m30s
    labels: {severity: page, where: "{{ $labels.instance }}"}
    annotations: {summary: "value {{ $value }}"}
)";

TEST_F(Alerting, PendingAndFiringAndResolved) {
  Load(kWithFor);
  PlayUntil(kT, 5);
  EXPECT_EQ(Status().state, AlertState::kInactive);
  EXPECT_EQ(Alerts(kT), "");
  PlayUntil(kT + 90 * kSecond, 15);
  EXPECT_EQ(Status().state, AlertState::kPending);
  EXPECT_EQ(Alerts(kT + 90 * kSecond),
            "ALERTS{alertname=\"A\", alertstate=\"pending\", instance=\"a\", job=\"j\", "
            "severity=\"page\", where=\"a\"} 1\n");
  EXPECT_EQ(world_.Query("ALERTS_FOR_STATE", kT + 90 * kSecond),
            "ALERTS_FOR_STATE{alertname=\"A\", instance=\"a\", job=\"j\", severity=\"page\", "
            "where=\"a\"} 1.70000003e+09\n");
  EXPECT_TRUE(told_.empty());
  // Active since 30 s: fires at 2 min.
  PlayUntil(kT + 4 * kMinute, 15);
  EXPECT_EQ(Status().state, AlertState::kFiring);
  EXPECT_EQ(Status().alerts.at(0).active_at_ms, kT + 30 * kSecond);
  EXPECT_EQ(Alerts(kT + 4 * kMinute),
            "ALERTS{alertname=\"A\", alertstate=\"firing\", instance=\"a\", job=\"j\", "
            "severity=\"page\", where=\"a\"} 1\n");
  // The resend delay of a minute has to be over: every 90 s with 30 s of interval.
  EXPECT_EQ(ToldAt(false), (std::vector<int64_t>{120, 210}));
  const model::Alert& first = told_.front().second;
  EXPECT_EQ(first.starts_at_ms, kT + 2 * kMinute);
  EXPECT_EQ(first.ends_at_ms, kT + 2 * kMinute + 4 * kMinute);
  EXPECT_EQ(first.annotations.at("summary"), "value 15");
  EXPECT_EQ(first.generator_url, "http://head:9090/graph?g0.expr=metric+%3E+10&g0.tab=1");

  told_.clear();
  int64_t resolved = now_;
  PlayUntil(resolved + 20 * kMinute, 5);
  EXPECT_EQ(Status().state, AlertState::kInactive);
  EXPECT_TRUE(Status().alerts.empty());
  EXPECT_EQ(Alerts(resolved), "");
  std::vector<int64_t> at = ToldAt(true);
  ASSERT_GE(at.size(), 10u);
  EXPECT_EQ(at[0], (resolved - kT) / kSecond);
  EXPECT_EQ(at[1] - at[0], 90);
  EXPECT_LE(at.back() - at[0], 15 * 60);  // then it is forgotten
  EXPECT_EQ(told_.front().second.ends_at_ms, resolved);
  EXPECT_EQ(told_.back().second.ends_at_ms, resolved);
}

TEST_F(Alerting, PendingAndResolvedAndAlwaysInactive) {
  Load(R"(
groups:
- name: g
  rules:
  - {alert: Pending, expr: metric > 10, for: 10m}
  - {alert: Never, expr: metric < 0}
)");
  PlayUntil(kT + 2 * kMinute, 15);
  EXPECT_EQ(Status(0).state, AlertState::kPending);
  PlayUntil(kT + 10 * kMinute, 5);
  EXPECT_EQ(Status(0).state, AlertState::kInactive);
  EXPECT_EQ(Status(1).state, AlertState::kInactive);
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(world_.Query("count_over_time(ALERTS[1h])", now_),
            "{alertname=\"Pending\", alertstate=\"pending\", instance=\"a\", job=\"j\"} 5\n");
}

TEST_F(Alerting, ZeroForAndSmallFor) {
  Load(R"(
groups:
- name: g
  rules:
  - {alert: Zero, expr: metric > 10}
  - {alert: Small, expr: metric > 10, for: 5s}
)");
  PlayUntil(kT, 15);
  EXPECT_EQ(Status(0).state, AlertState::kFiring);
  EXPECT_EQ(Status(1).state, AlertState::kPending);
  PlayUntil(kT + kInterval, 15);
  EXPECT_EQ(Status(1).state, AlertState::kFiring);
  EXPECT_EQ(told_.at(0).second.starts_at_ms, kT);
  EXPECT_EQ(told_.at(1).second.starts_at_ms, kT + kInterval);
}

TEST_F(Alerting, NewAlertsComeInTheOrderOfTheRules) {
  Load(R"(
groups:
- name: g
  rules:
  - {alert: B, expr: metric > 10}
  - {record: derived, expr: metric * 2}
  - {alert: A, expr: derived > 20}
)");
  PlayUntil(kT, 15);
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_EQ(told_[0].second.labels.Get("alertname"), "B");
  EXPECT_EQ(told_[1].second.labels.Get("alertname"), "A");
}

TEST_F(Alerting, KeepFiringFor) {
  Load("groups: [{name: g, rules: [{alert: A, expr: metric > 10, keep_firing_for: 2m}]}]");
  PlayUntil(kT + kMinute, 15);
  int64_t missing = now_;
  PlayUntil(missing + 90 * kSecond, 5);
  EXPECT_EQ(Status().state, AlertState::kFiring);
  EXPECT_EQ(Status().alerts.at(0).keep_firing_since_ms, missing);
  // Back in time: the count starts anew.
  PlayUntil(now_, 15);
  EXPECT_EQ(Status().alerts.at(0).keep_firing_since_ms, 0);
  missing = now_;
  PlayUntil(missing + 90 * kSecond, 5);
  EXPECT_EQ(Status().state, AlertState::kFiring);
  PlayUntil(missing + 2 * kMinute, 5);
  EXPECT_EQ(Status().state, AlertState::kInactive);
  EXPECT_EQ(ToldAt(true), (std::vector<int64_t>{(missing + 2 * kMinute - kT) / kSecond}));
}

TEST_F(Alerting, AResolvedAlertThatComesBackStartsAnew) {
  Load("groups: [{name: g, rules: [{alert: A, expr: metric > 10}]}]");
  PlayUntil(kT, 15);
  PlayUntil(kT + kMinute, 5);
  int64_t again = now_;
  PlayUntil(again, 15);
  EXPECT_EQ(Status().alerts.at(0).active_at_ms, again);
  EXPECT_EQ(told_.back().second.starts_at_ms, again);
}

TEST_F(Alerting, LabelsOfTheRuleWinAndDuplicatesFail) {
  Load(R"(
groups:
- name: g
  rules:
  - {alert: A, expr: metric > 10, labels: {job: rule, alertname: other, empty: "{{ $labels.no }}"}}
  - {alert: D, expr: 'metric > 10 or label_replace(metric, "instance", "b", "", "") > 10', labels: {instance: x}}
)");
  PlayUntil(kT, 15);
  EXPECT_EQ(told_.at(0).second.labels.ToString(),
            "{alertname=\"A\", instance=\"a\", job=\"rule\"}");
  EXPECT_EQ(Status(1).last_error,
            "vector contains metrics with the same labelset after applying alert labels");
  EXPECT_EQ(Status(1).health, RuleHealth::kErr);
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(Alerting, MoreAlertsThanTheLimitFailTheRuleAndClearIt) {
  Load(R"(
groups:
- name: g
  limit: 1
  rules:
  - {alert: A, expr: metric > 10 or other > 10}
)");
  PlayUntil(kT, 15);
  EXPECT_EQ(Status().alerts.size(), 1u);
  world_.Add({{"__name__", "other"}}, now_, 20);
  PlayUntil(now_, 15);
  EXPECT_EQ(Status().last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_TRUE(Status().alerts.empty());
}

TEST_F(Alerting, TemplatesAskStorageAndErrorsShow) {
  Load(R"yaml(
groups:
- name: g
  rules:
  - alert: A
    expr: metric > 10
    annotations:
      sum: '{{ with query "sum(metric)" }}{{ . | first | value | humanize }}{{ end }}'
      bad: '{{ humanize "x" }}'
)yaml");
  PlayUntil(kT, 15);
  const auto& annotations = told_.at(0).second.annotations;
  EXPECT_EQ(annotations.at("sum"), "15");
  EXPECT_TRUE(annotations.at("bad").starts_with("<error expanding template: error executing "));
}

TEST_F(Alerting, ALongerForPutsAFiringAlertBack) {
  Load("groups: [{name: g, rules: [{alert: A, expr: metric > 10, for: 1m}]}]");
  PlayUntil(kT + 2 * kMinute, 15);
  EXPECT_EQ(Status().state, AlertState::kFiring);
  auto before = std::move(group_);
  Load("groups: [{name: g, rules: [{alert: A, expr: metric > 10, for: 5m}]}]");
  group_->CopyState(*before);
  PlayUntil(now_, 15);
  EXPECT_EQ(Status().state, AlertState::kPending);
  PlayUntil(kT + 5 * kMinute, 15);
  EXPECT_EQ(Status().state, AlertState::kFiring);
}

// A restart in the middle of a long `for`.
class Restoring : public Alerting {
 protected:
  // Active since kT for `before`, then down for `outage`; evaluates twice and restores.
  void Restart(int64_t before, int64_t outage) {
    Load("groups: [{name: g, rules: [{alert: A, expr: metric > 10, for: 30m}]}]");
    PlayUntil(kT + before, 15);
    down_at_ = now_ - kInterval;
    now_ = down_at_ + outage;
    group_ = world_.MakeGroup(
        "groups: [{name: g, rules: [{alert: A, expr: metric > 10, for: 30m}]}]", true);
    PlayUntil(now_ + kInterval, 15);
    restored_at_ = now_ - kInterval;
    EXPECT_EQ(world_.Query("ALERTS", restored_at_),
              outage > 5 * kMinute ? "" : Alerts(restored_at_));
    group_->Restore(restored_at_);
  }
  int64_t ActiveAt() const { return Status().alerts.at(0).active_at_ms; }

  int64_t down_at_ = 0;
  int64_t restored_at_ = 0;
};

TEST_F(Restoring, TheOutageDoesNotCount) {
  Restart(10 * kMinute, 15 * kMinute);
  EXPECT_EQ(ActiveAt(), kT + (restored_at_ - down_at_));
  EXPECT_EQ(Status().state, AlertState::kPending);
  PlayUntil(now_, 15);
  EXPECT_NE(Alerts(now_ - kInterval), "");
}

TEST_F(Restoring, LittleLeftIsAtLeastTheGracePeriod) {
  Restart(25 * kMinute, 20 * kMinute);
  EXPECT_EQ(ActiveAt(), restored_at_ + 10 * kMinute - 30 * kMinute);
  PlayUntil(restored_at_ + 10 * kMinute - kInterval, 15);
  EXPECT_EQ(Status().state, AlertState::kPending);
  PlayUntil(restored_at_ + 10 * kMinute, 15);
  EXPECT_EQ(Status().state, AlertState::kFiring);
}

TEST_F(Restoring, WhatFiredFiresAtOnce) {
  Restart(40 * kMinute, 20 * kMinute);
  EXPECT_EQ(ActiveAt(), kT);
  PlayUntil(now_, 15);
  EXPECT_EQ(Status().state, AlertState::kFiring);
}

TEST_F(Restoring, BeyondTheToleranceNothingComesBack) {
  Restart(10 * kMinute, 2 * 60 * kMinute);
  EXPECT_EQ(ActiveAt(), down_at_ + 2 * 60 * kMinute);
}

}  // namespace
}  // namespace slurmscope::rules
