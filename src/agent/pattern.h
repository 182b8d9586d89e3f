#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/flags.h"
#include "base/result.h"

namespace slurmscope::agent {

using base::Result;

// A regular expression as node_exporter's flags have them: RE2 syntax, matching anywhere in the
// text. Immutable.
class Pattern {
 public:
  // An error names the flag and RE2's reason.
  static Result<Pattern> Compile(std::string_view flag, std::string_view pattern);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  bool FoundIn(std::string_view text) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

// An include and an exclude flag, of which at most one may be set. Decides by name what is left
// out.
class DeviceFilter {
 public:
  // `prefix` like "collector.netdev.device": the flags are PREFIX-include and PREFIX-exclude. An
  // exclude that is only a default gives way to an include. `old_include` and `old_exclude` are
  // deprecated names of the two.
  static Result<DeviceFilter> FromFlags(const FlagValues& flags, std::string_view prefix,
                                        std::string_view old_include = {},
                                        std::string_view old_exclude = {});

  bool Ignored(std::string_view name) const;

 private:
  std::unique_ptr<Pattern> include_;
  std::unique_ptr<Pattern> exclude_;
};

// A filter that remembers its answers, for names asked about in every scrape. Not thread-safe.
class RememberingFilter {
 public:
  explicit RememberingFilter(DeviceFilter filter) : filter_(std::move(filter)) {}
  bool Ignored(std::string_view name);

 private:
  DeviceFilter filter_;
  std::unordered_map<std::string, bool> answers_;
  std::string key_;
};

}  // namespace slurmscope::agent
