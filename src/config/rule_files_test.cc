#include "config/rule_files.h"

#include <gtest/gtest.h>

namespace slurmscope::config {
namespace {

const RuleChecks kChecks = {[](std::string_view expr) -> RuleChecks::Reason {
                              if (expr == "bad(") return "1:5: parse error: x";
                              return std::nullopt;
                            },
                            [](std::string_view, std::string_view text) -> RuleChecks::Reason {
                              if (text == "{{") return "template: unclosed action";
                              return std::nullopt;
                            }};

std::string Problems(std::string_view text) {
  auto groups = ParseRuleFile(text, "r.yml", kChecks);
  return groups ? "none" : groups.error().message();
}

TEST(RuleFiles, TakesEveryKey) {
  auto groups = ParseRuleFile(R"(
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: a}
  rules:
  - record: a:b
    expr: sum(up)
    labels: {x: 1}
  - alert: A
    expr: up == 0
    for: 5m
    keep_firing_for: 10m
    labels: {severity: page}
    annotations: {summary: "{{ $value }}"}
- name: empty
)",
                              "r.yml", kChecks);
  ASSERT_TRUE(groups) << groups.error().message();
  ASSERT_EQ(groups->size(), 2u);
  const RuleGroupConfig& group = groups->front();
  EXPECT_EQ(group.file, "r.yml");
  EXPECT_EQ(group.interval_ms, 30'000);
  EXPECT_EQ(group.query_offset_ms, 60'000);
  EXPECT_EQ(group.limit, 5u);
  EXPECT_EQ(group.labels.at("team"), "a");
  EXPECT_EQ(group.rules[0].record, "a:b");
  EXPECT_EQ(group.rules[0].labels.at("x"), "1");
  EXPECT_TRUE(group.rules[1].alerting());
  EXPECT_EQ(group.rules[1].for_ms, 300'000);
  EXPECT_EQ(group.rules[1].keep_firing_for_ms, 600'000);
  EXPECT_EQ(group.rules[1].annotations.at("summary"), "{{ $value }}");
  EXPECT_FALSE(groups->back().query_offset_ms.has_value());
}

TEST(RuleFiles, AnEmptyFileHasNoGroups) {
  EXPECT_TRUE(ParseRuleFile("", "r.yml", {}).value().empty());
  EXPECT_TRUE(ParseRuleFile("groups: []", "r.yml", {}).value().empty());
}

TEST(RuleFiles, TellsAllProblemsInOrder) {
  EXPECT_EQ(
      Problems(R"(groups:
- name: g
  rules:
  - record: a{b}
    expr: bad(
    for: 5m
  - alert: A
    record: x
    expr: up
    label: {}
    labels: {__name__: x, y: "{{"}
  - alert: B
  - expr: up
- name: g
- rules: []
)"),
      R"(r.yml:4:13: group "g", rule 1, "a{b}": braces present in the recording rule name; should it be in expr?: a{b}
r.yml:5:11: group "g", rule 1, "a{b}": could not parse expression: 1:5: parse error: x
r.yml:6:10: group "g", rule 1, "a{b}": invalid field 'for' in recording rule
r.yml:8:13: group "g", rule 2, "A": only one of 'record' and 'alert' must be set
r.yml:10:5: groups[0].rules[1].label: unknown key, did you mean "labels"?
r.yml:11:14: group "g", rule 2, "A": invalid label name: __name__
r.yml:11:30: group "g", rule 2, "A": label "y": template: unclosed action
r.yml:12:5: group "g", rule 3, "B": field 'expr' must be set in rule
r.yml:13:5: group "g", rule 4, "": one of 'record' or 'alert' must be set
r.yml:14:3: groupname: "g" is repeated in the same file
r.yml:15:3: groups[2]: Groupname must not be empty)");
}

TEST(RuleFiles, RefusesWrongTypes) {
  EXPECT_NE(Problems("groups: {}").find("expected a list"), std::string::npos);
  EXPECT_NE(Problems("groups:\n- name: g\n  interval: x\n").find("not a valid duration"),
            std::string::npos);
  EXPECT_NE(Problems("rules: []").find("unknown key"), std::string::npos);
}

}  // namespace
}  // namespace slurmscope::config
