#include "http/form.h"

#include <gtest/gtest.h>

#include "http/client.h"

namespace slurmscope::http {
namespace {

TEST(UrlDecode, DecodesEveryByteAndKeepsNul) {
  EXPECT_EQ(*UrlDecode("a%20b+c%2Bd"), "a b c+d");
  EXPECT_EQ(*UrlDecode("a+b", PlusSign::kPlusIsPlus), "a+b");
  EXPECT_EQ(*UrlDecode("x%00y"), std::string("x\0y", 3));
  EXPECT_EQ(*UrlDecode("%c3%A9"), "\xc3\xa9");
}

TEST(UrlDecode, RefusesBrokenEscapes) {
  for (const char* bad : {"%", "%a", "%zz", "abc%4", "%-1"}) EXPECT_FALSE(UrlDecode(bad)) << bad;
  EXPECT_EQ(UrlDecode("a%zzb").error().message(), "invalid URL escape \"%zz\"");
}

TEST(ParseForm, KeepsOrderAndDuplicates) {
  Pairs pairs;
  ASSERT_TRUE(ParseForm("match[]=a&x&match%5B%5D=b&&y=&=z&q=a=b", 10, pairs));
  const Pairs want = {{"match[]", "a"}, {"x", ""}, {"match[]", "b"},
                      {"y", ""},        {"", "z"}, {"q", "a=b"}};
  EXPECT_EQ(pairs, want);
}

TEST(ParseForm, BoundsTheNumberOfPairs) {
  Pairs pairs = {{"already", "there"}};
  EXPECT_TRUE(ParseForm("a=1", 2, pairs));
  const auto refused = ParseForm("b=1", 2, pairs);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), base::ErrorCode::kResourceExhausted);
}

TEST(EncodeForm, ComesBackTheSame) {
  Pairs pairs;
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  pairs = {{"query", "rate(x{a=\"b\"}[5m]) + 1"}, {"query", all}, {all, ""}};
  Pairs again;
  ASSERT_TRUE(ParseForm(EncodeForm(pairs), 10, again));
  EXPECT_EQ(again, pairs);
  EXPECT_EQ(UrlEncode("a b/\xc3\xa9~"), "a%20b%2F%C3%A9~");
}

}  // namespace
}  // namespace slurmscope::http
