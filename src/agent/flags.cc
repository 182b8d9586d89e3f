#include "agent/flags.h"

#include <algorithm>

#include "base/duration.h"
#include "base/strings.h"

namespace slurmscope::agent {

void FlagValues::Declare(std::span<const FlagSpec> specs) {
  defaults_.reserve(defaults_.size() + specs.size());
  for (const FlagSpec& spec : specs) defaults_.push_back({spec.name, spec.default_value});
  std::stable_sort(defaults_.begin(), defaults_.end(),
                   [](const Default& a, const Default& b) { return a.name < b.name; });
}

bool FlagValues::IsGiven(std::string_view name) const { return given_.find(name) != given_.end(); }

std::string FlagValues::String(std::string_view name) const {
  if (const auto given = given_.find(name); given != given_.end()) return given->second.back();
  const auto fallback =
      std::lower_bound(defaults_.begin(), defaults_.end(), name,
                       [](const Default& a, std::string_view b) { return a.name < b; });
  const bool declared = fallback != defaults_.end() && fallback->name == name;
  return std::string(declared ? fallback->value : "");
}

std::vector<std::string> FlagValues::Strings(std::string_view name) const {
  if (const auto given = given_.find(name); given != given_.end()) return given->second;
  std::string fallback = String(name);
  if (fallback.empty()) return {};
  return {std::move(fallback)};
}

base::Result<int64_t> FlagValues::Int(std::string_view name) const {
  const std::string text = String(name);
  if (const auto value = base::ParseInt<int64_t>(text)) return *value;
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    base::StrCat("--", name, ": not a whole number: ", base::Quote(text)));
}

base::Result<int64_t> FlagValues::DurationNs(std::string_view name) const {
  return TRY_CONTEXT(base::ParseGoDurationNs(String(name)), base::StrCat("--", name));
}

}  // namespace slurmscope::agent
