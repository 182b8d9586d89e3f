#include "model/search_regex.h"

#include <gtest/gtest.h>

namespace slurmscope::model {
namespace {

std::string Replace(std::string_view pattern, std::string_view text, std::string_view with) {
  return SearchRegex::Compile(pattern).value().ReplaceAll(text, with, 1 << 20);
}

TEST(SearchRegex, FindsAnywhereButNotAcrossLines) {
  EXPECT_TRUE(SearchRegex::Compile("b.").value().Found("abc"));
  EXPECT_FALSE(SearchRegex::Compile("b.c").value().Found("ab\nc"));
  EXPECT_FALSE(SearchRegex::Compile("^b").value().Found("ab"));
}

// Expectations as Go's regexp.ReplaceAllString gives them.
TEST(SearchRegex, ReplacesAsGo) {
  EXPECT_EQ(Replace("a(x*)b", "-ab-axxb-", "${1}W"), "-W-xxW-");
  EXPECT_EQ(Replace("a(x*)b", "-ab-axxb-", "$1W"), "---");
  EXPECT_EQ(Replace("(?<n>[0-9]+)", "a1b22", "<$n$$>"), "a<1$>b<22$>");
  EXPECT_EQ(Replace("x*", "abc", "-"), "-a-b-c-");
  EXPECT_EQ(Replace("b*", "abc", "-"), "-a-c-");
  EXPECT_EQ(Replace("", "\xC3\xA4z", "."), ".\xC3\xA4.z.");
  EXPECT_EQ(Replace("a", "", "x"), "");
  EXPECT_EQ(SearchRegex::Compile("a").value().ReplaceAll("aaaa", "1234", 6), "123412");
}

TEST(SearchRegex, RefusesWhatIsNone) {
  auto regex = SearchRegex::Compile("(");
  ASSERT_FALSE(regex);
  EXPECT_TRUE(regex.error().message().starts_with("error parsing regexp: "));
}

}  // namespace
}  // namespace slurmscope::model
