#include "model/matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "model/labels.h"
#include "model/regex_parts.h"

namespace slurmscope::model {
namespace {

constexpr std::string_view kMetaCharacters = R"(\.+*?()|[]{}^$)";

bool IsLiteral(std::string_view text) {
  return text.find_first_of(kMetaCharacters) == std::string_view::npos;
}

// "a|b" or "(a|b)" of plain text. An empty alternative counts: "a|" also matches "".
std::vector<std::string> LiteralAlternatives(std::string_view pattern) {
  if (pattern.size() >= 2 && pattern.front() == '(' && pattern.back() == ')') {
    pattern.remove_prefix(pattern.starts_with("(?:") ? 3 : 1);
    pattern.remove_suffix(1);
  }
  std::vector<std::string> alternatives;
  for (std::string_view part : base::Split(pattern, '|')) {
    if (!IsLiteral(part)) return {};
    alternatives.emplace_back(part);
  }
  return alternatives;
}

std::string LiteralPrefix(std::string_view pattern) {
  if (pattern.find('|') != std::string_view::npos) return {};
  size_t end = pattern.find_first_of(kMetaCharacters);
  if (end == std::string_view::npos) return std::string(pattern);
  // A quantifier that allows none takes the character before it away.
  bool optional = pattern[end] == '*' || pattern[end] == '?' || pattern[end] == '{';
  if (optional && end > 0) {
    --end;
    while (end > 0 && (static_cast<uint8_t>(pattern[end]) & 0xC0) == 0x80) --end;
  }
  return std::string(pattern.substr(0, end));
}

// Length of what stands for itself at `pattern[i]`: an escape, \\Q...\\E or a character class;
// otherwise 1.
size_t TokenLength(std::string_view pattern, size_t i) {
  std::string_view rest = pattern.substr(i);
  if (rest.starts_with("\\Q")) {
    size_t end = rest.find("\\E");
    return end == std::string_view::npos ? rest.size() : end + 2;
  }
  if (rest[0] == '\\') return std::min<size_t>(2, rest.size());
  if (rest[0] != '[') return 1;
  size_t at = rest.starts_with("[^") ? 2 : 1;
  if (at < rest.size() && rest[at] == ']') ++at;  // the first one is a member
  while (at < rest.size() && rest[at] != ']') {
    size_t name_end =
        rest.substr(at).starts_with("[:") ? rest.find(":]", at) : std::string_view::npos;
    if (name_end != std::string_view::npos) {
      at = name_end + 2;
    } else {
      at += rest[at] == '\\' ? 2 : 1;
    }
  }
  return std::min(at + 1, rest.size());
}

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string WithPythonGroups(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size();) {
    std::string_view rest = pattern.substr(i);
    if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 3;
      continue;
    }
    size_t length = TokenLength(pattern, i);
    out += rest.substr(0, length);
    i += length;
  }
  return out;
}

void AppendExpansion(std::string_view replacement, const std::vector<std::string_view>& groups,
                     const std::map<std::string, int>& names, std::string* out) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] != '$' || i + 1 >= replacement.size()) {
      *out += replacement[i];
      continue;
    }
    if (replacement[i + 1] == '$') {
      *out += '$';
      ++i;
      continue;
    }
    bool braces = replacement[i + 1] == '{';
    size_t begin = i + (braces ? 2 : 1);
    size_t end = begin;
    while (end < replacement.size() && IsNameCharacter(replacement[end])) ++end;
    bool closed = !braces || (end < replacement.size() && replacement[end] == '}');
    if (end == begin || !closed) {
      *out += '$';
      continue;
    }
    std::string_view name = replacement.substr(begin, end - begin);
    size_t index = groups.size();
    bool leading_zero = name.size() > 1 && name[0] == '0';  // no number to Go
    if (auto number = base::ParseInt<size_t>(name); number && !leading_zero) {
      index = *number;
    } else if (auto it = names.find(std::string(name)); it != names.end()) {
      index = static_cast<size_t>(it->second);
    }
    if (index < groups.size()) *out += groups[index];
    i = braces ? end : end - 1;
  }
}

struct Regex::Compiled {
  explicit Compiled(const std::string& pattern, const RE2::Options& options)
      : re(pattern, options) {}
  RE2 re;
  std::vector<std::string> set_matches;
  std::string prefix;
  bool matches_all = false;
};

Result<Regex> Regex::Compile(std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(64 << 20);
  // Anchored when it is run, not by text around it: "a)|(b" must stay an error.
  auto compiled = std::make_shared<Compiled>(WithPythonGroups(pattern), options);
  if (!compiled->re.ok()) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      base::StrCat("error parsing regexp: ", compiled->re.error()));
  }
  compiled->set_matches = LiteralAlternatives(pattern);
  compiled->prefix = LiteralPrefix(pattern);
  compiled->matches_all = pattern == ".*";
  Regex regex;
  regex.pattern_ = pattern;
  regex.compiled_ = std::move(compiled);
  return regex;
}

bool Regex::Matches(std::string_view text) const {
  if (compiled_->matches_all) return true;
  if (!text.starts_with(compiled_->prefix)) return false;
  if (!compiled_->set_matches.empty()) {
    for (const std::string& alternative : compiled_->set_matches) {
      if (text == alternative) return true;
    }
    return false;
  }
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled_->re);
}

bool Regex::Expand(std::string_view text, std::string_view replacement, std::string* out) const {
  const RE2& re = compiled_->re;
  std::vector<re2::StringPiece> groups(static_cast<size_t>(re.NumberOfCapturingGroups()) + 1);
  re2::StringPiece input(text.data(), text.size());
  if (!re.Match(input, 0, text.size(), RE2::ANCHOR_BOTH, groups.data(),
                static_cast<int>(groups.size()))) {
    return false;
  }
  out->clear();
  std::vector<std::string_view> views;
  for (const auto& group : groups) views.emplace_back(group.data(), group.size());
  AppendExpansion(replacement, views, re.NamedCapturingGroups(), out);
  return true;
}

const std::vector<std::string>& Regex::set_matches() const { return compiled_->set_matches; }
const std::string& Regex::prefix() const { return compiled_->prefix; }

std::string_view ToString(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegexp:
      return "=~";
    case MatchType::kNotRegexp:
      return "!~";
  }
  return "=";
}

Matcher Matcher::Equal(std::string_view name, std::string_view value) {
  return Matcher(MatchType::kEqual, name, value);
}

Result<Matcher> Matcher::Make(MatchType type, std::string_view name, std::string_view value) {
  Matcher matcher(type, name, value);
  if (type == MatchType::kRegexp || type == MatchType::kNotRegexp) {
    matcher.regex_ = std::make_shared<const Regex>(TRY(Regex::Compile(value)));
  }
  return matcher;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegexp:
      return regex_->Matches(value);
    case MatchType::kNotRegexp:
      return !regex_->Matches(value);
  }
  return false;
}

std::string Matcher::ToString() const {
  std::string name = IsLegacyLabelName(name_) ? name_ : base::Quote(name_);
  return base::StrCat(name, model::ToString(type_), base::Quote(value_));
}

}  // namespace slurmscope::model
