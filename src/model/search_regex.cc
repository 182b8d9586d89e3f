#include "model/search_regex.h"

#include <re2/re2.h>

#include <vector>

#include "base/strings.h"
#include "model/regex_parts.h"

namespace slurmscope::model {

struct SearchRegex::Compiled {
  Compiled(const std::string& pattern, const RE2::Options& options) : re(pattern, options) {}
  RE2 re;
};

namespace {

// RE2's reason in the words of Go's regexp package.
std::string ReasonOf(const RE2& re) {
  auto words = [&]() -> std::string_view {
    switch (re.error_code()) {
      case RE2::ErrorMissingParen:
        return "missing closing )";
      case RE2::ErrorMissingBracket:
        return "missing closing ]";
      case RE2::ErrorRepeatArgument:
        return "missing argument to repetition operator";
      case RE2::ErrorRepeatOp:
        return "invalid nested repetition operator";
      case RE2::ErrorRepeatSize:
        return "invalid repeat count";
      case RE2::ErrorBadEscape:
        return "invalid escape sequence";
      case RE2::ErrorBadCharRange:
        return "invalid character class range";
      case RE2::ErrorTrailingBackslash:
        return "trailing backslash at end of expression";
      case RE2::ErrorBadNamedCapture:
        return "invalid named capture";
      default:
        return "";
    }
  }();
  if (words.empty()) return re.error();
  return base::StrCat(words, ": `", re.error_arg(), "`");
}

}  // namespace

Result<SearchRegex> SearchRegex::Compile(std::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(64 << 20);
  auto compiled = std::make_shared<Compiled>(WithPythonGroups(pattern), options);
  if (!compiled->re.ok()) {
    return base::Fail(base::ErrorCode::kInvalidArgument,
                      base::StrCat("error parsing regexp: ", ReasonOf(compiled->re)));
  }
  SearchRegex regex;
  regex.compiled_ = std::move(compiled);
  return regex;
}

bool SearchRegex::Found(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_->re);
}

std::string SearchRegex::ReplaceAll(std::string_view text, std::string_view replacement,
                                    size_t limit) const {
  const RE2& re = compiled_->re;
  std::vector<re2::StringPiece> found(static_cast<size_t>(re.NumberOfCapturingGroups()) + 1);
  re2::StringPiece input(text.data(), text.size());
  std::string out;
  size_t copied = 0;  // of the text
  size_t at = 0;
  while (at <= text.size() && out.size() < limit) {
    if (!re.Match(input, at, text.size(), RE2::UNANCHORED, found.data(),
                  static_cast<int>(found.size())))
      break;
    auto begin = static_cast<size_t>(found[0].data() - text.data());
    size_t end = begin + found[0].size();
    out += text.substr(copied, begin - copied);
    // An empty match right behind the last one is none.
    if (end > copied || begin == 0) {
      std::vector<std::string_view> groups;
      for (const auto& group : found) groups.emplace_back(group.data(), group.size());
      AppendExpansion(replacement, groups, re.NamedCapturingGroups(), &out);
    }
    copied = end;
    at = end;
    if (begin != end) continue;
    do {  // past one character
      ++at;
    } while (at < text.size() && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80);
  }
  if (copied < text.size()) out += text.substr(copied);
  if (out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace slurmscope::model
