#include "base/log.h"

#include <gtest/gtest.h>

#include <limits>

namespace slurmscope::base {
namespace {

// What `log` writes, without the time.
template <typename Body>
std::string Written(LogLevel level, std::string_view format, Body log) {
  EXPECT_TRUE(InitLogging(level, format));
  testing::internal::CaptureStderr();
  log();
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(InitLogging(LogLevel::kWarn, "logfmt"));
  size_t at = text.find(format == "json" ? "\"level\"" : "level=");
  return at == std::string::npos ? text : text.substr(at);
}

TEST(Log, Logfmt) {
  std::string text = Written(LogLevel::kInfo, "logfmt", [] {
    LogInfo(
        "it works",
        {{"path", "/a b"}, {"n", 3}, {"v", 0.5}, {"empty", ""}, {"q", "a\"b"}, {"plain", "x/y"}});
  });
  EXPECT_EQ(
      text,
      "level=INFO msg=\"it works\" path=\"/a b\" n=3 v=0.5 empty=\"\" q=\"a\\\"b\" plain=x/y\n");
}

TEST(Log, Json) {
  std::string text = Written(LogLevel::kInfo, "json", [] {
    LogWarn("a\nb", {{"k", std::string("\x01\"\\")}, {"error", Error(ErrorCode::kIo, "no")}});
  });
  EXPECT_EQ(
      text,
      "\"level\":\"WARN\",\"msg\":\"a\\u000ab\",\"k\":\"\\u0001\\\"\\\\\",\"error\":\"no\"}\n");
}

TEST(Log, InvalidUtf8DoesNotBreakALine) {
  std::string text = Written(LogLevel::kInfo, "json", [] { LogInfo("x", {{"k", "a\xff"}}); });
  EXPECT_EQ(text, "\"level\":\"INFO\",\"msg\":\"x\",\"k\":\"a\xEF\xBF\xBD\"}\n");
  text = Written(LogLevel::kInfo, "logfmt", [] { LogInfo("x", {{"k", "a\xff"}}); });
  EXPECT_EQ(text, "level=INFO msg=x k=\"a\\xff\"\n");
}

TEST(Log, LevelsFilter) {
  EXPECT_EQ(Written(LogLevel::kWarn, "logfmt", [] { LogInfo("no"); }), "");
  EXPECT_EQ(Written(LogLevel::kError, "logfmt", [] { LogWarn("no"); }), "");
  EXPECT_EQ(Written(LogLevel::kDebug, "logfmt", [] { LogDebug("yes"); }), "level=DEBUG msg=yes\n");
}

TEST(Log, ReadsItsFlags) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_FALSE(ParseLogLevel("INFO"));
  EXPECT_FALSE(InitLogging(LogLevel::kInfo, "xml"));
}

}  // namespace
}  // namespace slurmscope::base
