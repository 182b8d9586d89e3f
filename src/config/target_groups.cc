#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {

using base::Quote;
using base::StrCat;

bool IsLabelName(std::string_view name) { return !name.empty() && base::IsValidUtf8(name); }

TargetGroup ReadTargetGroup(const Node& node, const std::string& path, Report* report) {
  TargetGroup group;
  if (node.kind == Node::Kind::kNull) {
    report->Error(node, path, "an empty target group");
    return group;
  }
  MappingReader reader(node, path, report);
  reader.StringList("targets", &group.targets);
  reader.StringMap("labels", &group.labels);
  for (const auto& [name, value] : group.labels) {
    if (!IsLabelName(name))
      reader.Error("labels", StrCat(Quote(name), " is not a valid label name"));
  }
  reader.Finish();
  return group;
}

namespace {

Result<std::vector<TargetGroup>> GroupsOf(const Node& root, const std::string& path) {
  std::vector<TargetGroup> groups;
  if (root.kind == Node::Kind::kNull) return groups;
  Report report(path);
  if (root.kind != Node::Kind::kList) report.Error(root, "", "expected a list of target groups");
  size_t count = root.kind == Node::Kind::kList ? root.items.size() : 0;
  for (size_t i = 0; i < count; ++i) {
    TargetGroup group = ReadTargetGroup(root.items[i], StrCat("[", i, "]"), &report);
    group.source = StrCat(path, ":", i);
    groups.push_back(std::move(group));
  }
  if (!report.ok()) return base::Fail(report.TakeError());
  return groups;
}

}  // namespace

Result<std::vector<TargetGroup>> ParseTargetGroups(std::string_view text, const std::string& path) {
  if (path.ends_with(".json") || path.ends_with(".JSON")) return ParseJsonTargetGroups(text, path);
  return GroupsOf(TRY(ParseYaml(text, path)), path);
}

Result<std::vector<TargetGroup>> ParseJsonTargetGroups(std::string_view text,
                                                       const std::string& name) {
  return GroupsOf(TRY(ParseJson(text, name)), name);
}

}  // namespace slurmscope::config
