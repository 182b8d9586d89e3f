#include "base/duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace slurmscope::base {
namespace {

TEST(Duration, ReadsPrometheusForm) {
  struct Case {
    std::string_view text;
    int64_t ms;
  };
  for (const Case& c : std::initializer_list<Case>{{"0", 0},
                                                   {"0s", 0},
                                                   {"5m", 300'000},
                                                   {"1h30m", 5'400'000},
                                                   {"100ms", 100},
                                                   {"1s1ms", 1'001},
                                                   {"1d", 86'400'000},
                                                   {"2w", 1'209'600'000},
                                                   {"1y", 31'536'000'000},
                                                   {"1y2w3d4h5m6s7ms", 33'019'506'007},
                                                   {"007s", 7'000}}) {
    auto ms = ParseDurationMs(c.text);
    ASSERT_TRUE(ms) << c.text;
    EXPECT_EQ(*ms, c.ms) << c.text;
  }
  for (std::string_view bad :
       {"", "1", "s", "5x", "1m1h", "1s1s", "-5m", "1.5h", " 5m", "5m ", "5 m", "ms", "300y",
        "99999999999999999999s", "9223372036854775807y", "1h30"}) {
    EXPECT_FALSE(ParseDurationMs(bad)) << bad;
  }
  EXPECT_EQ(ParseDurationMs("5x").error().message(), "not a valid duration string: \"5x\"");
}

TEST(Duration, WritesPrometheusForm) {
  struct Case {
    int64_t ms;
    std::string_view text;
  };
  for (const Case& c : std::initializer_list<Case>{{0, "0s"},
                                                   {1, "1ms"},
                                                   {90'000, "1m30s"},
                                                   {86'400'000, "1d"},
                                                   {int64_t{15} * 86'400'000, "15d"},
                                                   {int64_t{14} * 86'400'000, "2w"},
                                                   {int64_t{365} * 86'400'000, "1y"},
                                                   {int64_t{730} * 86'400'000, "2y"},
                                                   {90'061'001, "1d1h1m1s1ms"},
                                                   {-90'000, "-1m30s"}}) {
    EXPECT_EQ(FormatDurationMs(c.ms), c.text);
    if (c.ms >= 0) {
      EXPECT_EQ(*ParseDurationMs(c.text), c.ms);
    }
  }
  EXPECT_FALSE(FormatDurationMs(std::numeric_limits<int64_t>::min()).empty());
}

TEST(Duration, ReadsGoForm) {
  EXPECT_EQ(*ParseGoDurationNs("1.5s"), 1'500'000'000);
  EXPECT_EQ(*ParseGoDurationNs("300ms"), 300'000'000);
  EXPECT_EQ(*ParseGoDurationNs("2h45m"), 9'900'000'000'000);
  EXPECT_EQ(*ParseGoDurationNs("-1us"), -1'000);
  EXPECT_EQ(*ParseGoDurationNs("1\xC2\xB5s"), 1'000);
  EXPECT_EQ(*ParseGoDurationNs("0"), 0);
  EXPECT_EQ(*ParseGoDurationNs(".5s"), 500'000'000);
  for (std::string_view bad : {"", "1", "-", "s", "1d", "1..5s", "1e3s", "400y", "9999999999h"}) {
    EXPECT_FALSE(ParseGoDurationNs(bad)) << bad;
  }
}

TEST(Duration, ReadsBytes) {
  EXPECT_EQ(*ParseBytes("100"), 100u);
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("1B"), 1u);
  EXPECT_EQ(*ParseBytes("1KB"), 1024u);
  EXPECT_EQ(*ParseBytes("1KiB"), 1024u);
  EXPECT_EQ(*ParseBytes("1.5MB"), 1'572'864u);
  EXPECT_EQ(*ParseBytes("2G"), uint64_t{2} << 30);
  EXPECT_EQ(*ParseBytes("1EB"), uint64_t{1} << 60);
  for (std::string_view bad : {"", "MB", "1XB", "1MBs", "-1", "1 MB", "16EB", "1e3", "1..2"}) {
    EXPECT_FALSE(ParseBytes(bad)) << bad;
  }
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(*ParseRfc3339Ms("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*ParseRfc3339Ms("2000-02-29T12:34:56.789Z"), 951'827'696'789);
  EXPECT_EQ(*ParseRfc3339Ms("1969-12-31T23:59:59.5Z"), -500);
  EXPECT_EQ(*ParseRfc3339Ms("2015-07-01T20:10:51.781+02:30"), 1'435'772'451'781);
  EXPECT_EQ(*ParseRfc3339Ms("1970-01-01T00:00:00.1239999Z"), 123);
  EXPECT_EQ(*ParseRfc3339Ms("1970-01-01T00:00:00-01:00"), 3'600'000);
  for (std::string_view bad :
       {"", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
        "1970-01-32T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00ZZ",
        "1970-01-01 00:00:00Z", "19x0-01-01T00:00:00Z", "1970-01-01T00:00:00+99:99",
        "1970-01-01T00:00:00+-1:00", "2023-02-29T00:00:00Z", "2023-04-31T00:00:00Z",
        "-970-01-01T00:00:00Z", "1970-01-01T00:00:60Z"}) {
    EXPECT_FALSE(ParseRfc3339Ms(bad)) << bad;
  }
}

TEST(Time, WritesRfc3339) {
  EXPECT_EQ(FormatRfc3339Ms(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339Ms(-500), "1969-12-31T23:59:59.5Z");
  EXPECT_EQ(FormatRfc3339Ms(951'827'696'789), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(FormatRfc3339Ms(951'827'696'010), "2000-02-29T12:34:56.01Z");
}

}  // namespace
}  // namespace slurmscope::base
