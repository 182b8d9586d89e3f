#include "config/rule_tests.h"

#include <filesystem>
#include <functional>

#include "base/duration.h"
#include "base/float_text.h"
#include "base/strings.h"
#include "config/walker.h"

namespace slurmscope::config {
namespace {

using base::StrCat;

// Reads each element of the list `key` as a mapping.
void ForEach(MappingReader* reader, std::string_view key,
             const std::function<void(MappingReader&)>& read) {
  const Node* list = reader->TakeList(key);
  for (size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    MappingReader item(list->items[i], StrCat(reader->Path(key), "[", i, "]"), &reader->report());
    read(item);
    item.Finish();
  }
}

void ReadValue(MappingReader& reader, double* value) {
  std::string text;
  if (!reader.String("value", &text)) return;
  // YAML's spellings of what is no number.
  if (text == ".inf" || text == ".Inf" || text == "+.inf" || text == "+.Inf") text = "Inf";
  if (text == "-.inf" || text == "-.Inf") text = "-Inf";
  if (text == ".nan" || text == ".NaN") text = "NaN";
  auto number = base::ParseFloat(text);
  if (!number) return reader.Error("value", "expected a number");
  *value = *number;
}

void ReadAlertTest(MappingReader& reader, AlertTest* test) {
  reader.DurationMs("eval_time", &test->eval_time_ms);
  reader.String("groupname", &test->group_name);
  reader.String("alertname", &test->alert_name);
  ForEach(&reader, "exp_alerts", [&](MappingReader& item) {
    ExpectedAlert& alert = test->expected.emplace_back();
    item.StringMap("exp_labels", &alert.labels);
    item.StringMap("exp_annotations", &alert.annotations);
  });
}

void ReadExpressionTest(MappingReader& reader, ExpressionTest* test) {
  reader.String("expr", &test->expr);
  reader.DurationMs("eval_time", &test->eval_time_ms);
  ForEach(&reader, "exp_samples", [&](MappingReader& item) {
    ExpectedSample& sample = test->expected.emplace_back();
    item.String("labels", &sample.labels);
    ReadValue(item, &sample.value);
    item.String("histogram", &sample.histogram);
  });
}

void ReadStart(MappingReader& reader, int64_t* start_ms) {
  std::string text;
  if (!reader.String("start_timestamp", &text)) return;
  if (auto seconds = base::ParseFloat(text)) {
    *start_ms = static_cast<int64_t>(*seconds * 1000);
  } else if (auto time = base::ParseRfc3339Ms(text)) {
    *start_ms = *time;
  } else {
    reader.Error("start_timestamp", "expected seconds since the epoch or an RFC 3339 time");
  }
}

void ReadGroup(MappingReader& reader, RuleTestGroup* group) {
  reader.String("name", &group->name);
  reader.DurationMs("interval", &group->interval_ms);
  ReadStart(reader, &group->start_timestamp_ms);
  ForEach(&reader, "input_series", [&](MappingReader& item) {
    InputSeries& series = group->input.emplace_back();
    item.String("series", &series.series);
    item.String("values", &series.values);
  });
  ForEach(&reader, "alert_rule_test",
          [&](MappingReader& item) { ReadAlertTest(item, &group->alerts.emplace_back()); });
  ForEach(&reader, "promql_expr_test", [&](MappingReader& item) {
    ReadExpressionTest(item, &group->expressions.emplace_back());
  });
  reader.StringMap("external_labels", &group->external_labels);
  reader.String("external_url", &group->external_url);
}

}  // namespace

Result<RuleTestFile> ParseRuleTestFile(std::string_view text, const std::string& path) {
  Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  RuleTestFile file;
  reader.StringList("rule_files", &file.rule_files);
  reader.DurationMs("evaluation_interval", &file.evaluation_interval_ms);
  reader.StringList("group_eval_order", &file.group_eval_order);
  reader.Bool("fuzzy_compare", &file.fuzzy_compare);
  ForEach(&reader, "tests",
          [&](MappingReader& item) { ReadGroup(item, &file.tests.emplace_back()); });
  reader.Finish();
  if (!report.ok()) return base::Fail(report.TakeError());
  if (file.evaluation_interval_ms <= 0) file.evaluation_interval_ms = 60'000;
  std::filesystem::path directory = std::filesystem::path(path).parent_path();
  for (std::string& glob : file.rule_files) glob = (directory / glob).lexically_normal().string();
  return file;
}

}  // namespace slurmscope::config
