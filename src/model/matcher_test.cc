#include "model/matcher.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "base/strings.h"

namespace slurmscope::model {
namespace {

using base::StrCat;

std::string Expanded(std::string_view pattern, std::string_view text,
                     std::string_view replacement) {
  auto regex = Regex::Compile(pattern);
  if (!regex) return StrCat("error: ", regex.error().message());
  std::string out = "kept";
  return regex->Expand(text, replacement, &out) ? out : "no match";
}

// The shortcuts (sets of literals, prefixes) must answer as RE2 alone does.
TEST(Regex, ShortcutsAgreeWithRe2) {
  const std::vector<std::string> patterns = {"",
                                             "a",
                                             "abc",
                                             "a|b",
                                             "a|",
                                             "|a",
                                             "|",
                                             "(a|b)",
                                             "(?:a|b)",
                                             "(a)",
                                             "()",
                                             "(?:)",
                                             "(a|b)|(c|d)",
                                             "(a)|(b)",
                                             "(a)(b)",
                                             "(?i)abc",
                                             "(?i)a|b",
                                             "(?i:a)",
                                             "(?i:a|b)",
                                             "(?s).",
                                             "a{0,}",
                                             "a{2}",
                                             "ab{0,1}",
                                             "ab{,2}",
                                             "ab*",
                                             "ab+",
                                             "ab?",
                                             "a.c",
                                             "a.*",
                                             ".*a",
                                             ".*",
                                             ".+",
                                             "a??b",
                                             "ab|a",
                                             "a|ab",
                                             "(a|ab)c",
                                             "abc.*|abd.*",
                                             "abc(d|e)",
                                             "\\Qa\\E",
                                             "a\\Qb*\\E",
                                             "\\Qa|b\\E",
                                             "a\\|b",
                                             "a\\.c",
                                             "\\.",
                                             "[ab]",
                                             "[ab]c|d",
                                             "[|]",
                                             "a[|]b",
                                             "^a",
                                             "a$",
                                             "^a|b$",
                                             "(^a|b$)",
                                             "a\\b",
                                             "\\d+",
                                             "caf\xC3\xA9",
                                             "caf\xC3\xA9?",
                                             "caf\xC3\xA9{0}",
                                             "\xC3\xA9*",
                                             "(?P<n>a)",
                                             "(?P<n>a|b)",
                                             "(?-i)a",
                                             "x(?i)abc",
                                             "a(?i)|b",
                                             "(?U)a+",
                                             "a]",
                                             "a}",
                                             "a\nb",
                                             "(a|b",
                                             "a.b|c",
                                             "(?m)a$",
                                             "(?m)^a",
                                             "((a|b))",
                                             "(?:(a|b))",
                                             "(?:a|b)?",
                                             "(a|b)*",
                                             "(a|b){2}",
                                             "a-b|c_d",
                                             "0|1"};
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "b",
                                          "c",
                                          "d",
                                          "A",
                                          "B",
                                          "ab",
                                          "aa",
                                          "abc",
                                          "ABC",
                                          "abd",
                                          "abcd",
                                          "abce",
                                          "abcX",
                                          "acX",
                                          "a.c",
                                          "aXc",
                                          "a|b",
                                          "|",
                                          "ab*",
                                          "abb",
                                          "a{0,}",
                                          "ab{,2}",
                                          "^a",
                                          "a$",
                                          "(a)",
                                          "xabc",
                                          "xABC",
                                          "XABC",
                                          "caf\xC3\xA9",
                                          "caf",
                                          
                                          "\xC3\xA9\xC3\xA9",
                                          "1",
                                          "12",
                                          "a\n",
                                          "\na",
                                          "a\nb",
                                          "a]",
                                          "a}",
                                          ".",
                                          "\\Qa\\E",
                                          "a\\|b",
                                          "ac",
                                          "abc\nx",
                                          "a-b",
                                          "c_d",
                                          "0",
                                          "(a|b",
                                          "bb",
                                          "ba"};
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  for (const std::string& pattern : patterns) {
    RE2 oracle(pattern, options);
    auto regex = Regex::Compile(pattern);
    ASSERT_EQ(regex.has_value(), oracle.ok()) << pattern;
    if (!regex) continue;
    for (const std::string& text : texts) {
      EXPECT_EQ(regex->Matches(text), RE2::FullMatch(text, oracle))
          << base::Quote(pattern) << " " << base::Quote(text);
      bool in_set = false;
      for (const std::string& one : regex->set_matches()) in_set |= one == text;
      if (!regex->set_matches().empty()) {
        EXPECT_EQ(in_set, regex->Matches(text)) << pattern << " " << text;
      }
      if (regex->Matches(text)) {
        EXPECT_TRUE(text.starts_with(regex->prefix())) << pattern << " " << text;
      }
    }
  }
}

TEST(Regex, FindsShortcuts) {
  EXPECT_EQ(Regex::Compile("a|b|c")->set_matches(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(Regex::Compile("(?:a|b)")->set_matches(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Regex::Compile("node-.*")->prefix(), "node-");
  EXPECT_EQ(Regex::Compile("(?i)abc")->prefix(), "");
  EXPECT_TRUE(Regex::Compile("a.b|c")->set_matches().empty());
}

TEST(Regex, UnbalancedPatternsAreErrors) {
  for (std::string_view bad :
       {"a)|(b", "(", "a)", "[a", "a**b)", "(?<=a)", "(?<!a)", "(?<n", "*", "\\", "a\\Q)|(b\\E)"}) {
    auto regex = Regex::Compile(bad);
    ASSERT_FALSE(regex) << bad;
    EXPECT_TRUE(regex.error().message().starts_with("error parsing regexp: "));
  }
}

TEST(Regex, GoNamedGroups) {
  EXPECT_EQ(Expanded("(?<n>a+)b", "aab", "${n}!"), "aa!");
  EXPECT_EQ(Expanded("(?P<n>a+)b", "aab", "$n"), "aa");
  EXPECT_EQ(Expanded("\\Q(?<\\E(?<n>a)", "(?<a", "$n"), "a");
  EXPECT_EQ(Expanded("\\(?<(?<n>a)", "(<a", "$n"), "a");
  auto in_class = Regex::Compile("[(?<a]+");
  EXPECT_TRUE(in_class->Matches("(?<a"));
  EXPECT_FALSE(in_class->Matches("P"));
  EXPECT_FALSE(Regex::Compile("[](?<]")->Matches("P"));
  EXPECT_FALSE(Regex::Compile("[^](?<a]")->Matches("a"));
  EXPECT_TRUE(Regex::Compile("[^](?<a]")->Matches("P"));
  EXPECT_FALSE(Regex::Compile("[[:digit:](?<]")->Matches("P"));
  EXPECT_FALSE(Regex::Compile("[\\](?<]")->Matches("P"));
}

TEST(Regex, ExpandsAsGo) {
  EXPECT_EQ(Expanded("(.*):(\\d+)", "host:91", "$1"), "host");
  EXPECT_EQ(Expanded("(.*):(\\d+)", "host:91", "${2}x$2"), "91x91");
  EXPECT_EQ(Expanded("(.*):(\\d+)", "host:91", "$0"), "host:91");
  EXPECT_EQ(Expanded("(.*)", "a", "$1x"), "");  // the name is "1x"
  EXPECT_EQ(Expanded("(.*)", "a", "${1}x"), "ax");
  EXPECT_EQ(Expanded("(.*)", "a", "$$1 $$"), "$1 $");
  EXPECT_EQ(Expanded("(.*)", "a", "$ ${} ${1 $"), "$ ${} ${1 $");
  EXPECT_EQ(Expanded("(.*)", "a", "[$9][$01][$none]"), "[][][]");
  EXPECT_EQ(Expanded("(a)|(b)", "b", "$1-$2"), "-b");
  EXPECT_EQ(Expanded("a|(ab)", "ab", "$1"), "ab");
  EXPECT_EQ(Expanded("a", "ab", "x"), "no match");
  EXPECT_EQ(Expanded("(.*)", "a\nb", "$1"), "a\nb");
}

TEST(Matcher, Types) {
  auto matches = [](MatchType type, std::string_view pattern, std::string_view value) {
    return Matcher::Make(type, "l", pattern)->Matches(value);
  };
  EXPECT_TRUE(matches(MatchType::kEqual, "a", "a"));
  EXPECT_FALSE(matches(MatchType::kEqual, "a", "ab"));
  EXPECT_FALSE(matches(MatchType::kNotEqual, "a", "a"));
  EXPECT_TRUE(matches(MatchType::kNotEqual, "a", ""));
  EXPECT_TRUE(matches(MatchType::kRegexp, "a.*", "ab"));
  EXPECT_FALSE(matches(MatchType::kRegexp, "a", "ab"));
  EXPECT_FALSE(matches(MatchType::kNotRegexp, "a.*", "ab"));
  EXPECT_TRUE(matches(MatchType::kNotRegexp, "a.*", "b"));
  EXPECT_FALSE(Matcher::Make(MatchType::kRegexp, "l", "("));
  EXPECT_TRUE(Matcher::Make(MatchType::kEqual, "l", "("));
}

TEST(Matcher, EmptyAndText) {
  EXPECT_TRUE(Matcher::Equal("a", "").MatchesEmpty());
  EXPECT_TRUE(Matcher::Make(MatchType::kRegexp, "a", ".*")->MatchesEmpty());
  EXPECT_FALSE(Matcher::Make(MatchType::kRegexp, "a", ".+")->MatchesEmpty());
  EXPECT_TRUE(Matcher::Make(MatchType::kNotEqual, "a", "x")->MatchesEmpty());
  EXPECT_EQ(Matcher::Make(MatchType::kRegexp, "job", "a|b")->ToString(), "job=~\"a|b\"");
  EXPECT_EQ(Matcher::Make(MatchType::kNotRegexp, "a.b", "\"")->ToString(), "\"a.b\"!~\"\\\"\"");
  EXPECT_EQ(Matcher::Equal("a", "b"), *Matcher::Make(MatchType::kEqual, "a", "b"));
}

}  // namespace
}  // namespace slurmscope::model
