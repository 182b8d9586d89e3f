#include "base/strings.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "base/result.h"

namespace slurmscope::base {
namespace {

TEST(Strings, StrCatJoinsPieces) {
  EXPECT_EQ(StrCat("a", 'b', 3, std::string("c"), -4, uint64_t{18446744073709551615u},
                   std::string_view("d")),
            "ab3c-418446744073709551615d");
}

TEST(Strings, TrimSplitJoin) {
  EXPECT_EQ(TrimSpace(" \t a b \r\n"), "a b");
  EXPECT_EQ(TrimSpace(" \n"), "");
  EXPECT_EQ(Split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
  EXPECT_EQ(Split("", ','), (std::vector<std::string_view>{""}));
  EXPECT_EQ(Join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(Strings, ParseIntTakesWholeIntegersOnly) {
  EXPECT_EQ(ParseInt<int>("-12"), -12);
  EXPECT_EQ(ParseInt<uint8_t>("255"), 255);
  EXPECT_EQ(ParseInt<uint32_t>("ff", 16), 255u);
  for (std::string_view bad : {"", "256", "-1", "1 ", " 1", "+1", "1x", "x"}) {
    EXPECT_FALSE(ParseInt<uint8_t>(bad)) << bad;
  }
}

TEST(Strings, QuoteIsGos) {
  EXPECT_EQ(Quote("a\"b\\c\n\t\r\a\b\f\v"), R"("a\"b\\c\n\t\r\a\b\f\v")");
  EXPECT_EQ(Quote(std::string_view("\0\x01\x1f\x7f", 4)), R"("\x00\x01\x1f\x7f")");
  EXPECT_EQ(Quote("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
  EXPECT_EQ(Quote("\xff"
                  "a\xC3"),
            R"("\xffa\xc3")");
  EXPECT_EQ(Quote(""), "\"\"");
}

TEST(Strings, Utf8) {
  for (std::string_view good :
       {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << Quote(good);
  }
  for (std::string_view bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
                               "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                               "\xF5\x80\x80\x80", "\xF0\x90\x80", "a\xff"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << Quote(bad);
  }
}

TEST(Strings, NearestWord) {
  std::vector<std::string_view> words = {"job_name", "honor_labels", "params"};
  EXPECT_EQ(NearestWord("job_nme", words), "job_name");
  EXPECT_EQ(NearestWord("parms", words), "params");
  EXPECT_EQ(NearestWord("honour_labels", words), "honor_labels");
  EXPECT_EQ(NearestWord("something", words), "");
  EXPECT_EQ(NearestWord("", {"a", "bc"}), "");
}

TEST(Strings, ConstantTimeEqual) {
  EXPECT_TRUE(ConstantTimeEqual("secret", "secret"));
  EXPECT_FALSE(ConstantTimeEqual("secret", "secreT"));
  EXPECT_FALSE(ConstantTimeEqual("secret", "secre"));
  EXPECT_TRUE(ConstantTimeEqual("", ""));
}

Result<int> Half(int value) {
  if (value % 2 != 0) return Fail(ErrorCode::kInvalidArgument, "odd");
  return value / 2;
}
Result<int> Quarter(int value) {
  int half = TRY_CONTEXT(Half(value), "first half");
  return TRY(Half(half));
}
Result<void> Check(int value) {
  TRY(Half(value));
  return {};
}

TEST(ResultTest, TryGivesTheValueOrReturnsTheError) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(3).error().message(), "first half: odd");
  EXPECT_EQ(Quarter(6).error().message(), "odd");
  EXPECT_EQ(Quarter(6).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(Check(2));
  EXPECT_FALSE(Check(1));
}

TEST(ResultTest, TryMovesTheValue) {
  auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  auto use = [&]() -> Result<int> {
    std::unique_ptr<int> value = TRY(make());
    return *value;
  };
  EXPECT_EQ(*use(), 7);
}

TEST(ResultTest, ErrnoHasItsCode) {
  Error error = FailErrno("open x", ENOENT).value();
  EXPECT_EQ(error.message(), "open x: No such file or directory");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_EQ(FailErrno("x", EACCES).value().code(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(FailErrno("x", ENOSPC).value().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(FailErrno("x", EIO).value().code(), ErrorCode::kIo);
  EXPECT_EQ(ToString(ErrorCode::kNotFound), "not_found");
}

}  // namespace
}  // namespace slurmscope::base
