#include "agent/pattern.h"

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <re2/re2.h>

#include "agent/simple_pattern.h"
#include "base/log.h"
#include "base/strings.h"

namespace slurmscope::agent {

using base::StrCat;

struct Pattern::Compiled {
  explicit Compiled(std::string_view pattern)
      : text(pattern), simple(SimplePattern::Parse(pattern)) {}

  // Made when it is needed: it takes longer than the rest of a collector's start.
  const RE2& re() {
    std::call_once(once, [this] { made.emplace(text, RE2::Quiet); });
    return *made;
  }

  const std::string text;
  const std::optional<SimplePattern> simple;
  std::once_flag once;
  std::optional<RE2> made;
};

Pattern::Pattern(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::Compile(std::string_view flag, std::string_view pattern) {
  auto compiled = std::make_unique<Compiled>(pattern);
  if (compiled->simple || compiled->re().ok()) return Pattern(std::move(compiled));
  return base::Fail(base::ErrorCode::kInvalidArgument,
                    StrCat("--", flag, ": bad regular expression ", base::Quote(pattern), ": ",
                           compiled->re().error()));
}

bool Pattern::FoundIn(std::string_view text) const {
  if (compiled_->simple) {
    if (const auto found = compiled_->simple->FoundIn(text)) return *found;
  }
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->re());
}

namespace {

// The value of a flag, or of its deprecated name when only that is given.
Result<std::string> Renamed(const FlagValues& flags, const std::string& name,
                            std::string_view old_name) {
  if (old_name.empty() || !flags.IsGiven(old_name)) return flags.String(name);
  if (flags.IsGiven(name)) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      StrCat("--", old_name, " and --", name, " are mutually exclusive"));
  }
  base::LogWarn("flag is deprecated",
                {{"flag", StrCat("--", old_name)}, {"use", StrCat("--", name)}});
  return flags.String(old_name);
}

Result<std::unique_ptr<Pattern>> CompileUnlessEmpty(const std::string& flag,
                                                    const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  return std::make_unique<Pattern>(TRY(Pattern::Compile(flag, pattern)));
}

}  // namespace

Result<DeviceFilter> DeviceFilter::FromFlags(const FlagValues& flags, std::string_view prefix,
                                             std::string_view old_include,
                                             std::string_view old_exclude) {
  const std::string include_flag = StrCat(prefix, "-include");
  const std::string exclude_flag = StrCat(prefix, "-exclude");
  const std::string include = TRY(Renamed(flags, include_flag, old_include));
  std::string exclude = TRY(Renamed(flags, exclude_flag, old_exclude));
  const bool exclude_given =
      flags.IsGiven(exclude_flag) || (!old_exclude.empty() && flags.IsGiven(old_exclude));
  if (!include.empty() && !exclude_given) exclude.clear();
  if (!include.empty() && !exclude.empty()) {
    const std::string_view what = prefix.substr(prefix.rfind('.') + 1);
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      StrCat(what, "-exclude & ", what, "-include are mutually exclusive"));
  }
  DeviceFilter filter;
  filter.include_ = TRY(CompileUnlessEmpty(include_flag, include));
  filter.exclude_ = TRY(CompileUnlessEmpty(exclude_flag, exclude));
  return filter;
}

bool DeviceFilter::Ignored(std::string_view name) const {
  if (exclude_ && exclude_->FoundIn(name)) return true;
  return include_ && !include_->FoundIn(name);
}

bool RememberingFilter::Ignored(std::string_view name) {
  key_.assign(name);
  if (const auto known = answers_.find(key_); known != answers_.end()) return known->second;
  // Names come and go with hotplug and containers; the memory of them stays small.
  if (answers_.size() > 4096) answers_.clear();
  return answers_.emplace(key_, filter_.Ignored(name)).first->second;
}

}  // namespace slurmscope::agent
