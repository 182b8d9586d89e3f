#include "config_file.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/duration.h"
#include "base/file.h"
#include "base/strings.h"
#include "config/walker.h"
#include "config/yaml.h"

namespace slurmscope {
namespace {

using agent::FlagKind;
using agent::FlagSpec;
using base::StrCat;
using config::Node;

constexpr std::string_view kCommandLineOnly[] = {"help", "version", "config.file"};

// What is wrong with a value for a flag; empty when it is right.
std::string_view Problem(const FlagSpec& spec, const Node& value) {
  if (value.kind != Node::Kind::kScalar) return "want one value";
  switch (spec.kind) {
    case FlagKind::kBool:
      return value.scalar == "true" || value.scalar == "false" ? "" : "want true or false";
    case FlagKind::kInt:
      return base::ParseInt<int64_t>(value.scalar) ? "" : "want a whole number";
    case FlagKind::kDuration:
      return base::ParseGoDurationNs(value.scalar) ? "" : "want a duration like 5s or 1.5ms";
    default:
      return "";
  }
}

class Walker {
 public:
  Walker(std::span<const FlagSpec> known, const agent::FlagValues& given, config::Report* report,
         agent::FlagValues* values)
      : known_(known), given_(given), report_(report), values_(values) {}

  void Mapping(const Node& node, const std::string& prefix) {
    for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
      const Node& key = node.items[i];
      Entry(StrCat(prefix, key.scalar), key, node.items[i + 1]);
    }
  }

 private:
  void Entry(const std::string& name, const Node& key, const Node& value) {
    if (value.kind == Node::Kind::kMapping) return Mapping(value, name + ".");
    const auto spec = std::find_if(known_.begin(), known_.end(),
                                   [&](const FlagSpec& one) { return one.name == name; });
    const bool elsewhere = std::find(std::begin(kCommandLineOnly), std::end(kCommandLineOnly),
                                     name) != std::end(kCommandLineOnly);
    if (spec == known_.end() || elsewhere) return Unknown(name, key);
    if (!seen_.insert(name).second) return report_->Error(key, name, "set twice");
    if (value.kind == Node::Kind::kNull) return;
    const bool list = value.kind == Node::Kind::kList && spec->kind == FlagKind::kStrings;
    if (!list) return Value(*spec, value);
    for (const Node& item : value.items) Value(*spec, item);
  }

  void Value(const FlagSpec& spec, const Node& value) {
    const std::string_view problem = Problem(spec, value);
    if (!problem.empty()) return report_->Error(value, spec.name, problem);
    if (!given_.IsGiven(spec.name)) values_->Add(spec.name, value.scalar);
  }

  void Unknown(const std::string& name, const Node& key) {
    std::vector<std::string_view> names;
    for (const FlagSpec& spec : known_) names.push_back(spec.name);
    const std::string_view nearest = base::NearestWord(name, names);
    report_->Error(key, name,
                   nearest.empty() || nearest == name
                       ? "no such flag"
                       : StrCat("no such flag, did you mean ", nearest, "?"));
  }

  std::span<const FlagSpec> known_;
  const agent::FlagValues& given_;
  config::Report* report_;
  agent::FlagValues* values_;
  std::set<std::string, std::less<>> seen_;
};

}  // namespace

base::Result<void> AddConfigFile(const std::string& path, std::span<const FlagSpec> known,
                                 agent::FlagValues* values) {
  constexpr uint64_t kLargest = 1 << 20;
  const std::string text = TRY(base::ReadFile(path, kLargest));
  const Node root = TRY(config::ParseYaml(text, path));
  config::Report report(path);
  const agent::FlagValues given = *values;
  if (root.kind == Node::Kind::kMapping) {
    Walker(known, given, &report, values).Mapping(root, "");
  } else if (root.kind != Node::Kind::kNull) {
    report.Error(root, "", "want a mapping of flags and values");
  }
  if (!report.ok()) return base::Fail(report.TakeError());
  return {};
}

}  // namespace slurmscope
