#include "discovery/relabel.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "discovery/md5.h"

namespace slurmscope::discovery {
namespace {

using config::RelabelAction;
using config::RelabelConfig;
using model::LabelsBuilder;

std::string SourceValue(const RelabelConfig& rule, const LabelsBuilder& labels) {
  std::string joined;
  for (size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) joined += rule.separator;
    joined += labels.Get(rule.source_labels[i]);
  }
  return joined;
}

uint64_t HashForModulus(std::string_view text) {
  auto digest = Md5(text);
  uint64_t hash = 0;
  for (size_t i = 8; i < 16; ++i) hash = (hash << 8) | digest[i];
  return hash;
}

std::string ChangeCase(std::string text, char from, char to) {
  for (char& c : text) {
    if (c >= from && c < from + 26) c = static_cast<char>(c - from + to);
  }
  return text;
}

void Replace(const RelabelConfig& rule, std::string_view value, LabelsBuilder* labels) {
  std::string target;
  if (!rule.regex.Expand(value, rule.target_label, &target)) return;
  if (target.empty() || !base::IsValidUtf8(target)) return;
  std::string replaced;
  rule.regex.Expand(value, rule.replacement, &replaced);
  labels->Set(target, replaced);
}

void MapLabels(const RelabelConfig& rule, LabelsBuilder* labels) {
  std::vector<std::pair<std::string, std::string>> before = labels->pairs();
  std::string name;
  for (const auto& [old_name, value] : before) {
    if (rule.regex.Expand(old_name, rule.replacement, &name)) labels->Set(name, value);
  }
}

void DropLabels(const RelabelConfig& rule, bool matching, LabelsBuilder* labels) {
  std::vector<std::string> names;
  for (const auto& [name, value] : labels->pairs()) {
    if (rule.regex.Matches(name) == matching) names.push_back(name);
  }
  labels->Drop(names);
}

bool ApplyRule(const RelabelConfig& rule, LabelsBuilder* labels) {
  std::string value = SourceValue(rule, *labels);
  switch (rule.action) {
    case RelabelAction::kKeep:
      return rule.regex.Matches(value);
    case RelabelAction::kDrop:
      return !rule.regex.Matches(value);
    case RelabelAction::kKeepEqual:
      return labels->Get(rule.target_label) == value;
    case RelabelAction::kDropEqual:
      return labels->Get(rule.target_label) != value;
    case RelabelAction::kReplace:
      Replace(rule, value, labels);
      break;
    case RelabelAction::kHashMod:
      if (rule.modulus != 0)
        labels->Set(rule.target_label, base::StrCat(HashForModulus(value) % rule.modulus));
      break;
    case RelabelAction::kLabelMap:
      MapLabels(rule, labels);
      break;
    case RelabelAction::kLabelDrop:
      DropLabels(rule, true, labels);
      break;
    case RelabelAction::kLabelKeep:
      DropLabels(rule, false, labels);
      break;
    case RelabelAction::kLowercase:
      labels->Set(rule.target_label, ChangeCase(value, 'A', 'a'));
      break;
    case RelabelAction::kUppercase:
      labels->Set(rule.target_label, ChangeCase(value, 'a', 'A'));
      break;
  }
  return true;
}

}  // namespace

bool Relabel(const std::vector<RelabelConfig>& rules, LabelsBuilder* labels) {
  return std::all_of(rules.begin(), rules.end(),
                     [&](const RelabelConfig& rule) { return ApplyRule(rule, labels); });
}

}  // namespace slurmscope::discovery
