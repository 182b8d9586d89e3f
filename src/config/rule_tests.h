#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::config {

using base::Result;

// A file of unit tests for rules, as `promtool test rules` takes it:
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
struct ExpectedAlert {
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
};
struct AlertTest {
  int64_t eval_time_ms = 0;
  std::string group_name;
  std::string alert_name;
  std::vector<ExpectedAlert> expected;
};
struct ExpectedSample {
  std::string labels;  // "name{a="b"}", "" or "{}"
  double value = 0;
  std::string histogram;  // "{{schema:1 ...}}" or empty
};
struct ExpressionTest {
  std::string expr;
  int64_t eval_time_ms = 0;
  std::vector<ExpectedSample> expected;
};
struct InputSeries {
  std::string series;
  std::string values;
};
struct RuleTestGroup {
  std::string name;
  int64_t interval_ms = 0;         // 0: that of evaluation
  int64_t start_timestamp_ms = 0;  // of the first samples and evaluation
  std::vector<InputSeries> input;
  std::vector<AlertTest> alerts;
  std::vector<ExpressionTest> expressions;
  std::map<std::string, std::string> external_labels;
  std::string external_url;
};
struct RuleTestFile {
  std::vector<std::string> rule_files;  // globs, seen from the directory of the file
  int64_t evaluation_interval_ms = 60'000;
  std::vector<std::string> group_eval_order;
  bool fuzzy_compare = false;
  std::vector<RuleTestGroup> tests;
};

// All problems at once, as for other files.
Result<RuleTestFile> ParseRuleTestFile(std::string_view text, const std::string& path);

}  // namespace slurmscope::config
