#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "config/parts.h"

namespace slurmscope::config {
namespace {

using base::Quote;
using base::StrCat;

struct NamedAction {
  std::string_view name;
  RelabelAction action;
};
constexpr std::array<NamedAction, 11> kActions = {{{"replace", RelabelAction::kReplace},
                                                   {"keep", RelabelAction::kKeep},
                                                   {"drop", RelabelAction::kDrop},
                                                   {"keepequal", RelabelAction::kKeepEqual},
                                                   {"dropequal", RelabelAction::kDropEqual},
                                                   {"hashmod", RelabelAction::kHashMod},
                                                   {"labelmap", RelabelAction::kLabelMap},
                                                   {"labeldrop", RelabelAction::kLabelDrop},
                                                   {"labelkeep", RelabelAction::kLabelKeep},
                                                   {"lowercase", RelabelAction::kLowercase},
                                                   {"uppercase", RelabelAction::kUppercase}}};

std::optional<RelabelAction> ParseAction(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const NamedAction& candidate : kActions) {
    if (candidate.name == lower) return candidate.action;
  }
  return std::nullopt;
}

bool IsOneOf(RelabelAction action, std::initializer_list<RelabelAction> actions) {
  return std::find(actions.begin(), actions.end(), action) != actions.end();
}

// Keys that an action has no use for are errors, as in Prometheus: the writer meant something else.
void RefuseKeys(MappingReader* reader, RelabelAction action,
                std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    const Node* value = reader->Take(key);
    if (value != nullptr)
      reader->Error(key, StrCat("has no use in a ", ActionName(action), " action"));
  }
}

void CheckTargetLabel(MappingReader* reader, const RelabelConfig& config) {
  using enum RelabelAction;
  if (!IsOneOf(config.action, {kReplace, kHashMod, kLowercase, kUppercase, kKeepEqual, kDropEqual}))
    return;
  if (config.target_label.empty()) {
    reader->report().Error(reader->node(), reader->Path("target_label"),
                           StrCat("a ", ActionName(config.action), " action requires it"));
  } else if (!IsLabelName(config.target_label)) {
    reader->Error("target_label", StrCat(Quote(config.target_label), " is not a valid label name"));
  }
}

void Check(MappingReader* reader, const RelabelConfig& config) {
  using enum RelabelAction;
  CheckTargetLabel(reader, config);
  if (config.action == kHashMod && config.modulus == 0) {
    reader->Error("modulus", "a hashmod action requires one that is not 0");
  }
  if (IsOneOf(config.action, {kLowercase, kUppercase}))
    RefuseKeys(reader, config.action, {"replacement"});
  if (IsOneOf(config.action, {kKeepEqual, kDropEqual})) {
    RefuseKeys(reader, config.action, {"regex", "modulus", "separator", "replacement"});
  }
  if (IsOneOf(config.action, {kLabelDrop, kLabelKeep})) {
    RefuseKeys(reader, config.action,
               {"source_labels", "target_label", "modulus", "separator", "replacement"});
  }
  if (config.action == kLabelMap && !IsLabelName(config.replacement)) {
    reader->Error("replacement", StrCat(Quote(config.replacement), " is not a valid label name"));
  }
}

RelabelConfig ReadRelabelConfig(const Node& node, const std::string& path, Report* report) {
  MappingReader reader(node, path, report);
  RelabelConfig config;
  reader.StringList("source_labels", &config.source_labels);
  reader.String("separator", &config.separator);
  reader.Unsigned("modulus", &config.modulus);
  reader.String("target_label", &config.target_label);
  reader.String("replacement", &config.replacement);
  std::string pattern = "(.*)";
  reader.String("regex", &pattern);
  if (auto regex = model::Regex::Compile(pattern)) {
    config.regex = *std::move(regex);
  } else {
    reader.Error("regex", regex.error().message());
  }
  std::string action = "replace";
  reader.String("action", &action);
  std::optional<RelabelAction> known = ParseAction(action);
  if (known) {
    config.action = *known;
    Check(&reader, config);
  } else {
    reader.Error("action", StrCat("unknown relabel action ", Quote(action)));
  }
  for (const std::string& label : config.source_labels) {
    if (!IsLabelName(label))
      reader.Error("source_labels", StrCat(Quote(label), " is not a valid label name"));
  }
  reader.Finish();
  return config;
}

}  // namespace

std::string_view ActionName(RelabelAction action) {
  for (const NamedAction& candidate : kActions) {
    if (candidate.action == action) return candidate.name;
  }
  return "replace";
}

std::vector<RelabelConfig> ReadRelabelConfigs(MappingReader* reader, std::string_view key) {
  std::vector<RelabelConfig> configs;
  const Node* list = reader->TakeList(key);
  if (list == nullptr) return configs;
  for (size_t i = 0; i < list->items.size(); ++i) {
    std::string path = StrCat(reader->Path(key), "[", i, "]");
    if (list->items[i].kind == Node::Kind::kNull) {
      reader->report().Error(list->items[i], path, "an empty relabel configuration");
      continue;
    }
    configs.push_back(ReadRelabelConfig(list->items[i], path, &reader->report()));
  }
  return configs;
}

}  // namespace slurmscope::config
