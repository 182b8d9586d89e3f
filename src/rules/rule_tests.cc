#include "rules/rule_tests.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/duration.h"
#include "base/strings.h"
#include "model/search_regex.h"
#include "promql/memory_storage.h"
#include "promql/script_parse.h"
#include "rules/load.h"
#include "rules/manager.h"
#include "rules/rule_test_answers.h"
#include "rules/template_value.h"

namespace slurmscope::rules {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Quote;
using base::StrCat;
using model::Labels;

// A test that would evaluate more often than this is a mistake.
constexpr int64_t kMaxEvaluations = 10'000'000;

// Rules of a test write where its queries read.
class TestAppendable final : public model::Appendable {
 public:
  explicit TestAppendable(promql::MemoryStorage& storage) : storage_(storage) {}
  std::unique_ptr<model::Appender> NewAppender() override;

 private:
  promql::MemoryStorage& storage_;
};

class TestAppender final : public model::Appender {
 public:
  explicit TestAppender(promql::MemoryStorage& storage) : storage_(storage) {}
  model::AppendResult Append(model::SeriesRef, const Labels& labels, int64_t t, double v) override {
    storage_.Add(labels, t, v);
    return {model::AppendStatus::kOk, 1};
  }
  model::AppendResult AppendFloatHistogram(model::SeriesRef, const Labels& labels, int64_t t,
                                           const model::FloatHistogram& histogram) override {
    model::Columns columns;
    columns.Append(t, std::make_shared<const model::FloatHistogram>(histogram));
    storage_.Add(labels, columns);
    return {model::AppendStatus::kOk, 1};
  }
  Result<void> Commit() override { return {}; }
  void Rollback() override {}

 private:
  promql::MemoryStorage& storage_;
};

std::unique_ptr<model::Appender> TestAppendable::NewAppender() {
  return std::make_unique<TestAppender>(storage_);
}

Labels FromMap(const std::map<std::string, std::string>& map) {
  return Labels::FromPairs({map.begin(), map.end()});
}

// One entry of `tests`.
class TestRun {
 public:
  TestRun(const config::RuleTestFile& file, const config::RuleTestGroup& test,
          const RuleTestOptions& options)
      : file_(file),
        test_(test),
        interval_ms_(file.evaluation_interval_ms),
        engine_(EngineFor(file, options)) {
    environment_.query = [this](const std::string& expr, int64_t t, const promql::QueryOrigin&) {
      return RuleQuery(engine_, storage_, expr, t);
    };
    environment_.external_url = test.external_url;
  }

  Result<std::vector<std::string>> Run(const std::vector<config::RuleGroupConfig>& groups) {
    TRY(LoadSeries());
    MakeGroups(groups);
    TRY(CheckAlertNames());
    if (EvaluateAll()) CheckExpressions();
    return std::move(failures_);
  }

 private:
  static promql::EngineOptions EngineFor(const config::RuleTestFile& file,
                                         const RuleTestOptions& options) {
    promql::EngineOptions engine;
    engine.default_subquery_step_ms = file.evaluation_interval_ms;
    engine.threads = 1;
    engine.parser = options.parser;
    return engine;
  }

  int64_t Start() const { return test_.start_timestamp_ms; }
  int64_t LastTime() const {
    int64_t last = 0;
    for (const auto& alert : test_.alerts) last = std::max(last, alert.eval_time_ms);
    for (const auto& expr : test_.expressions) last = std::max(last, expr.eval_time_ms);
    return last;
  }

  Result<void> LoadSeries();
  void MakeGroups(const std::vector<config::RuleGroupConfig>& groups);
  Result<void> CheckAlertNames() const;
  bool EvaluateAll();
  bool EvaluateAt(int64_t offset_ms);
  void CheckAlertsBetween(int64_t from_ms, int64_t to_ms);
  void CheckAlert(const config::AlertTest& test);
  std::vector<TestAlert> FiringAlerts(const config::AlertTest& test) const;
  void CheckExpressions();
  void CheckExpression(const config::ExpressionTest& test);
  static Result<std::vector<TestSample>> Expected(const config::ExpressionTest& test);

  const config::RuleTestFile& file_;
  const config::RuleTestGroup& test_;
  const int64_t interval_ms_;
  promql::MemoryStorage storage_;
  TestAppendable appendable_{storage_};
  promql::Engine engine_;
  GroupEnvironment environment_{appendable_, storage_, {}};
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<std::string> failures_;
};

Result<void> TestRun::LoadSeries() {
  int64_t step = test_.interval_ms != 0 ? test_.interval_ms : interval_ms_;
  for (const config::InputSeries& input : test_.input) {
    auto series = TRY_CONTEXT(promql::ParseSeriesLine(StrCat(input.series, " ", input.values)),
                              StrCat("series ", Quote(input.series)));
    model::Columns columns;
    for (size_t i = 0; i < series.points.size(); ++i) {
      const promql::ScriptPoint& point = series.points[i];
      int64_t t = Start() + static_cast<int64_t>(i) * step;
      if (point.omitted) continue;
      if (point.histogram) {
        columns.Append(t, point.histogram);
      } else {
        columns.Append(t, point.v);
      }
    }
    if (columns.size() > 0) storage_.Add(series.labels, columns);
  }
  return {};
}

void TestRun::MakeGroups(const std::vector<config::RuleGroupConfig>& groups) {
  GroupDefaults defaults;
  defaults.interval_ms = interval_ms_;
  defaults.external_labels = test_.external_labels;
  auto place = [this](const config::RuleGroupConfig* group) {
    const auto& order = file_.group_eval_order;
    return std::find(order.begin(), order.end(), group->name) - order.begin();
  };
  std::vector<const config::RuleGroupConfig*> ordered;
  for (const config::RuleGroupConfig& group : groups) ordered.push_back(&group);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const auto* a, const auto* b) { return place(a) < place(b); });
  for (const config::RuleGroupConfig* group : ordered)
    groups_.push_back(std::make_unique<Group>(*group, defaults, environment_, false));
}

Result<void> TestRun::CheckAlertNames() const {
  for (const config::AlertTest& test : test_.alerts) {
    if (!test.alert_name.empty()) continue;
    return Fail(ErrorCode::kInvalidArgument,
                StrCat("an item under alert_rule_test misses required attribute alertname at "
                       "eval_time ",
                       base::FormatDurationMs(test.eval_time_ms),
                       test_.name.empty() ? "" : StrCat(" (in TestGroup ", test_.name, ")")));
  }
  if (LastTime() / interval_ms_ > kMaxEvaluations)
    return Fail(ErrorCode::kInvalidArgument,
                "too many evaluations: the last eval_time is too late");
  return {};
}

// False when a rule failed, which ends the test.
bool TestRun::EvaluateAll() {
  for (int64_t at = 0; at <= LastTime(); at += interval_ms_) {
    if (!EvaluateAt(at)) return false;
    CheckAlertsBetween(at, at + interval_ms_);
  }
  return true;
}

bool TestRun::EvaluateAt(int64_t offset_ms) {
  size_t before = failures_.size();
  for (const auto& group : groups_) {
    group->Evaluate(Start() + offset_ms, [] { return false; });
    for (const RuleStatus& rule : group->status().rules) {
      if (rule.last_error.empty()) continue;
      failures_.push_back(StrCat("    rule: ", rule.name,
                                 ", time: ", GoDurationText(offset_ms * 1'000'000),
                                 ", err: ", rule.last_error));
    }
  }
  return failures_.size() == before;
}

void TestRun::CheckAlertsBetween(int64_t from_ms, int64_t to_ms) {
  std::vector<const config::AlertTest*> due;
  for (const config::AlertTest& test : test_.alerts) {
    if (test.eval_time_ms >= from_ms && test.eval_time_ms < to_ms) due.push_back(&test);
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const auto* a, const auto* b) { return a->eval_time_ms < b->eval_time_ms; });
  for (const config::AlertTest* test : due) CheckAlert(*test);
}

std::vector<TestAlert> TestRun::FiringAlerts(const config::AlertTest& test) const {
  std::vector<TestAlert> alerts;
  for (const auto& group : groups_) {
    if (!test.group_name.empty() && group->config().name != test.group_name) continue;
    for (const RuleStatus& rule : group->status().rules) {
      if (!rule.alerting || rule.name != test.alert_name) continue;
      for (const AlertStatus& alert : rule.alerts) {
        if (alert.state == AlertState::kFiring) alerts.push_back({alert.labels, alert.annotations});
      }
    }
  }
  std::sort(alerts.begin(), alerts.end());
  return alerts;
}

void TestRun::CheckAlert(const config::AlertTest& test) {
  std::vector<TestAlert> expected;
  for (const config::ExpectedAlert& alert : test.expected) {
    std::map<std::string, std::string> labels = alert.labels;
    labels["alertname"] = test.alert_name;
    expected.push_back({FromMap(labels), alert.annotations});
  }
  std::sort(expected.begin(), expected.end());
  std::vector<TestAlert> got = FiringAlerts(test);
  if (got == expected) return;
  constexpr std::string_view kIndent = "            ";
  failures_.push_back(StrCat(test_.name.empty() ? "" : StrCat("    name: ", test_.name, ",\n"),
                             "    alertname: ", test.alert_name,
                             ", time: ", base::FormatDurationMs(test.eval_time_ms),
                             ", \n        exp:", Indented(AlertsText(expected), kIndent),
                             ", \n        got:", Indented(AlertsText(got), kIndent)));
}

Result<std::vector<TestSample>> TestRun::Expected(const config::ExpressionTest& test) {
  std::vector<TestSample> samples;
  for (const config::ExpectedSample& expected : test.expected) {
    std::string place = StrCat("labels ", Quote(expected.labels));
    std::string selector = expected.labels.empty() ? "{}" : expected.labels;
    auto series = TRY_CONTEXT(promql::ParseSeriesLine(selector + " 0"), place);
    TestSample& sample = samples.emplace_back();
    sample.labels = series.labels;
    sample.value = expected.value;
    if (expected.histogram.empty()) continue;
    std::string_view text = expected.histogram;
    sample.histogram = TRY_CONTEXT(promql::TakeHistogram(text), place).histogram;
  }
  SortByLabels(&samples);
  return samples;
}

void TestRun::CheckExpressions() {
  for (const config::ExpressionTest& test : test_.expressions) CheckExpression(test);
}

void TestRun::CheckExpression(const config::ExpressionTest& test) {
  std::string place = StrCat("    expr: ", Quote(test.expr),
                             ", time: ", base::FormatDurationMs(test.eval_time_ms), ",");
  auto result = RuleQuery(engine_, storage_, test.expr, Start() + test.eval_time_ms);
  if (!result) return failures_.push_back(StrCat(place, " err: ", result.error().message()));
  auto expected = Expected(test);
  if (!expected) return failures_.push_back(StrCat(place, " err: ", expected.error().message()));
  std::vector<TestSample> got;
  for (promql::VectorSample& sample : result->samples)
    got.push_back({std::move(sample.labels), sample.v, std::move(sample.histogram)});
  SortByLabels(&got);
  if (SameSamples(*expected, got, file_.fuzzy_compare)) return;
  failures_.push_back(StrCat(place, "\n        exp: ", SamplesText(*expected),
                             "\n        got: ", SamplesText(got)));
}

Result<bool> IsWanted(const std::string& name, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (TRY(model::SearchRegex::Compile(pattern)).Found(name)) return true;
  }
  return patterns.empty();
}

Result<void> CheckGroupOrder(const std::vector<std::string>& order) {
  std::set<std::string> seen;
  for (const std::string& name : order) {
    if (!seen.insert(name).second)
      return Fail(ErrorCode::kInvalidArgument,
                  StrCat("group name repeated in evaluation order: ", name));
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> RunRuleTests(const config::RuleTestFile& file,
                                              const RuleTestOptions& options) {
  TRY(CheckGroupOrder(file.group_eval_order));
  std::vector<config::RuleGroupConfig> groups = TRY(LoadRules(file.rule_files, options.parser));
  std::vector<std::string> failures;
  for (const config::RuleTestGroup& test : file.tests) {
    if (!TRY(IsWanted(test.name, options.run))) continue;
    for (std::string& failure : TRY(TestRun(file, test, options).Run(groups)))
      failures.push_back(std::move(failure));
  }
  return failures;
}

}  // namespace slurmscope::rules
