#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slurmscope::model {

using base::Result;

// A regular expression in RE2 syntax, anchored at both ends, `.` matching newlines: what matchers
// and relabelling use. `(?<n>...)` groups are accepted as `(?P<n>...)`. Immutable, cheap to copy,
// thread-safe.
class Regex {
 public:
  // Errors carry RE2's reason.
  static Result<Regex> Compile(std::string_view pattern);

  bool Matches(std::string_view text) const;
  // Matches and expands a replacement with $1, ${1}, ${name}, $$ as Go's regexp does; false when no
  // match.
  bool Expand(std::string_view text, std::string_view replacement, std::string* out) const;

  const std::string& pattern() const { return pattern_; }
  // Literal alternatives when the pattern is nothing but those ("a|b|c"); empty when it is not.
  const std::vector<std::string>& set_matches() const;
  // What every match begins with; may be empty.
  const std::string& prefix() const;

 private:
  struct Compiled;
  std::string pattern_;
  std::shared_ptr<const Compiled> compiled_;
};

enum class MatchType { kEqual, kNotEqual, kRegexp, kNotRegexp };
std::string_view ToString(MatchType type);  // "=", "!=", "=~", "!~"

// A condition on one label. A label that is not there has the value "". Thread-safe.
class Matcher {
 public:
  static Matcher Equal(std::string_view name, std::string_view value);
  static Result<Matcher> Make(MatchType type, std::string_view name, std::string_view value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  const Regex* regex() const { return regex_ ? regex_.get() : nullptr; }

  bool Matches(std::string_view value) const;
  // True for `a=""`, `a!="x"`, `a=~".*"`: series without the label match too.
  bool MatchesEmpty() const { return Matches({}); }

  // job=~"a|b", with the name quoted where it must be.
  std::string ToString() const;
  bool operator==(const Matcher& other) const {
    return type_ == other.type_ && name_ == other.name_ && value_ == other.value_;
  }

 private:
  Matcher(MatchType type, std::string_view name, std::string_view value)
      : type_(type), name_(name), value_(value) {}
  MatchType type_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regex> regex_;
};

}  // namespace slurmscope::model
