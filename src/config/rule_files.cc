#include "config/rule_files.h"

#include <map>

#include "base/file.h"
#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

constexpr uint64_t kMaxFileBytes = 16 << 20;
constexpr std::string_view kMetricName = "__name__";

// A rule's reader, which places problems as promtool does: by group, number and name.
class RuleReader {
 public:
  // `place` names group and number of the rule.
  RuleReader(const Node& node, std::string path, std::string place, const RuleChecks& checks,
             Report* report)
      : reader_(node, std::move(path), report), place_(std::move(place)), checks_(checks) {}

  RuleConfig Read() {
    reader_.String("record", &rule_.record);
    reader_.String("alert", &rule_.alert);
    reader_.String("expr", &rule_.expr);
    reader_.DurationMs("for", &rule_.for_ms);
    reader_.DurationMs("keep_firing_for", &rule_.keep_firing_for_ms);
    reader_.StringMap("labels", &rule_.labels);
    reader_.StringMap("annotations", &rule_.annotations);
    reader_.Finish();
    CheckName();
    CheckExpression();
    if (rule_.alert.empty()) CheckRecording();
    CheckLabels();
    CheckAnnotations();
    return std::move(rule_);
  }

 private:
  void Problem(std::string_view key, std::string_view text) {
    const Node* at = reader_.node().Find(key);
    ProblemAt(at == nullptr ? reader_.node() : *at, text);
  }
  void ProblemAt(const Node& at, std::string_view text) {
    reader_.report().Error(at, StrCat(place_, ", ", Quote(rule_.name())), text);
  }
  bool Has(std::string_view key) const {
    const Node* value = reader_.node().Find(key);
    return value != nullptr && value->kind != Node::Kind::kNull;
  }

  void CheckName() {
    if (!rule_.record.empty() && !rule_.alert.empty()) {
      Problem("record", "only one of 'record' and 'alert' must be set");
    } else if (rule_.record.empty() && rule_.alert.empty()) {
      Problem("", "one of 'record' or 'alert' must be set");
    }
  }
  void CheckExpression() {
    if (rule_.expr.empty()) return Problem("expr", "field 'expr' must be set in rule");
    if (!checks_.expression) return;
    if (auto reason = checks_.expression(rule_.expr))
      Problem("expr", StrCat("could not parse expression: ", *reason));
  }
  void CheckRecording() {
    if (rule_.record.empty()) return;
    for (std::string_view key : {"annotations", "for", "keep_firing_for"}) {
      if (Has(key)) Problem(key, StrCat("invalid field '", key, "' in recording rule"));
    }
    if (!base::IsValidUtf8(rule_.record)) {
      Problem("record", StrCat("invalid recording rule name: ", rule_.record));
    } else if (rule_.record.find_first_of("{}") != std::string::npos) {
      Problem("record", StrCat("braces present in the recording rule name; should it be in expr?: ",
                               rule_.record));
    }
  }

  // Calls visit(key node, value node) for each pair of the mapping `key`.
  template <typename Visit>
  void ForEachPair(std::string_view key, const Visit& visit) {
    const Node* map = reader_.node().Find(key);
    if (map == nullptr || map->kind != Node::Kind::kMapping) return;
    for (size_t i = 0; i + 1 < map->items.size(); i += 2) visit(map->items[i], map->items[i + 1]);
  }
  void CheckTemplate(std::string_view what, const Node& key, const Node& value) {
    if (rule_.alert.empty() || !checks_.alert_template) return;
    if (auto reason = checks_.alert_template(rule_.alert, value.scalar))
      ProblemAt(value, StrCat(what, " ", Quote(key.scalar), ": ", *reason));
  }
  void CheckLabels() {
    ForEachPair("labels", [&](const Node& key, const Node& value) {
      if (!IsLabelName(key.scalar) || key.scalar == kMetricName)
        ProblemAt(key, StrCat("invalid label name: ", key.scalar));
      CheckTemplate("label", key, value);
    });
  }
  void CheckAnnotations() {
    ForEachPair("annotations", [&](const Node& key, const Node& value) {
      if (!IsLabelName(key.scalar)) ProblemAt(key, StrCat("invalid annotation name: ", key.scalar));
      CheckTemplate("annotation", key, value);
    });
  }

  MappingReader reader_;
  std::string place_;
  const RuleChecks& checks_;
  RuleConfig rule_;
};

void CheckGroupLabels(const RuleGroupConfig& group, MappingReader* reader) {
  for (const auto& [name, value] : group.labels) {
    if (!IsLabelName(name) || name == kMetricName)
      reader->Error("labels", StrCat("invalid label name: ", name));
  }
}

RuleGroupConfig ReadGroup(const Node& node, const std::string& path, const RuleChecks& checks,
                          Report* report) {
  MappingReader reader(node, path, report);
  RuleGroupConfig group;
  group.file = report->file();
  reader.String("name", &group.name);
  reader.DurationMs("interval", &group.interval_ms);
  int64_t offset = 0;
  if (reader.DurationMs("query_offset", &offset)) group.query_offset_ms = offset;
  reader.Unsigned("limit", &group.limit);
  reader.StringMap("labels", &group.labels);
  CheckGroupLabels(group, &reader);
  const Node* rules = reader.TakeList("rules");
  reader.Finish();
  if (group.name.empty()) report->Error(node, path, "Groupname must not be empty");
  for (size_t i = 0; rules != nullptr && i < rules->items.size(); ++i) {
    std::string place = StrCat("group ", Quote(group.name), ", rule ", i + 1);
    RuleReader rule(rules->items[i], StrCat(path, ".rules[", i, "]"), place, checks, report);
    group.rules.push_back(rule.Read());
  }
  return group;
}

}  // namespace

Result<std::vector<RuleGroupConfig>> ParseRuleFile(std::string_view text, const std::string& path,
                                                   const RuleChecks& checks) {
  Node root = TRY(ParseYaml(text, path));
  Report report(path);
  MappingReader reader(root, "", &report);
  std::vector<RuleGroupConfig> groups;
  const Node* list = reader.TakeList("groups");
  reader.Finish();
  std::map<std::string, int> lines;
  for (size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
    const Node& node = list->items[i];
    RuleGroupConfig group = ReadGroup(node, StrCat("groups[", i, "]"), checks, &report);
    bool fresh = lines.emplace(group.name, node.line).second;
    if (!fresh && !group.name.empty()) {
      report.Error(node, "",
                   StrCat("groupname: ", Quote(group.name), " is repeated in the same file"));
    }
    groups.push_back(std::move(group));
  }
  if (!report.ok()) return base::Fail(report.TakeError());
  return groups;
}

Result<std::vector<RuleGroupConfig>> LoadRuleFile(const std::string& path,
                                                  const RuleChecks& checks) {
  return ParseRuleFile(TRY(base::ReadFile(path, kMaxFileBytes)), path, checks);
}

}  // namespace slurmscope::config
