#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/matcher.h"

namespace slurmscope::config {

enum class RelabelAction {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

// "replace", "labelmap", ...
std::string_view ActionName(RelabelAction action);

struct RelabelConfig {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  model::Regex regex;  // default (.*)
  uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::kReplace;
};

}  // namespace slurmscope::config
