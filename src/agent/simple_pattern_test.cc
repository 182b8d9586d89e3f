#include "agent/simple_pattern.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

#include "agent/collector.h"

namespace slurmscope::agent {
namespace {

bool ByRe2(const std::string& pattern, const std::string& text) {
  return RE2::PartialMatch(text, RE2(pattern, RE2::Quiet));
}

const std::vector<std::string>& Names() {
  static const std::vector<std::string> names = {
      "",
      "a",
      "eth0",
      "lo",
      "sda",
      "sda1",
      "xvdb12",
      "ram0",
      "zram3",
      "loop7",
      "fd0",
      "nvme0n1",
      "nvme0n1p1",
      "nvme12n1p10x",
      "dm-0",
      "md127",
      "/",
      "/dev",
      "/dev/shm",
      "/device",
      "/proc",
      "/run/credentials/x",
      "/var/lib/docker/overlay2/a/merged",
      "/var/lib/docker",
      "/sys/fs/cgroup",
      "tmpfs",
      "cgroup",
      "cgroup2",
      "cgroup22",
      "overlay",
      "ext4",
      "nsfs",
      "TcpExt_ListenDrops",
      "TcpExt_TCPSynRetrans",
      "TcpExt_TCPSynRetransX",
      "Ip_Forwarding",
      "Ip6_InOctets",
      "IpExt_OutOctets",
      "Udp_InErrors",
      "Udp6_InDatagrams",
      "Icmp_InMsgs",
      "Icmp6_InErrs",
      "oom_kill",
      "pgpgin",
      "pswpout",
      "pgmajfault",
      "pgfault",
      "nr_free_pages",
      "a\nb",
      "pgx\nfault",
  };
  return names;
}

TEST(SimplePattern, DefaultsOfFlagsAreSimpleAndMeanWhatRe2Says) {
  int patterns = 0;
  for (const CollectorSpec& collector : AllCollectors()) {
    for (const FlagSpec& flag : collector.flags) {
      if (!flag.default_value.starts_with('^')) continue;
      ++patterns;
      const std::string text(flag.default_value);
      const auto pattern = SimplePattern::Parse(text);
      ASSERT_TRUE(pattern.has_value()) << flag.name << ' ' << text;
      for (const std::string& name : Names())
        EXPECT_EQ(pattern->FoundIn(name), ByRe2(text, name)) << text << ' ' << name;
    }
  }
  EXPECT_GE(patterns, 8);
}

TEST(SimplePattern, MadeUpPatternsMeanWhatRe2Says) {
  std::mt19937 random(7);
  const auto one_of = [&](std::string_view from) {
    return std::string(1, from[random() % from.size()]);
  };
  int simple = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto n = 1 + random() % 9; n > 0; --n) text += one_of("aab1.?*+()|^$\\d[]-");
    const auto pattern = SimplePattern::Parse(text);
    if (!pattern) continue;
    ++simple;
    const RE2 re2(text, RE2::Quiet);
    ASSERT_TRUE(re2.ok()) << text;
    for (int i = 0; i < 10; ++i) {
      std::string name;
      for (auto n = random() % 6; n > 0; --n) name += one_of("aab1d.\n-");
      ASSERT_EQ(pattern->FoundIn(name), RE2::PartialMatch(name, re2)) << text << " in " << name;
    }
  }
  EXPECT_GT(simple, 1000);
}

TEST(SimplePattern, LeavesTheRestToRe2) {
  for (const char* pattern :
       {"",     "(",   ")",   "a)",   "[a",    "[^a]",    "[z-a]",    "[[:digit:]]",
        "*a",   "a**", "a+?", "a{2}", "(ab)*", "(?i)a",   "(?P<x>a)", "\\w",
        "\\pN", "\\",  "a|",  "()",   "^*",    "\xC3\xA4"})
    EXPECT_FALSE(SimplePattern::Parse(pattern).has_value()) << pattern;
  const auto dots = SimplePattern::Parse("a.b");
  ASSERT_TRUE(dots.has_value());
  EXPECT_EQ(dots->FoundIn("a\xC3\xA4"
                          "b"),
            std::nullopt);
  EXPECT_EQ(dots->FoundIn(std::string(1000, 'a')), std::nullopt);
}

TEST(SimplePattern, GivesUpWhereItWouldTryForever) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a?";
  const auto slow = SimplePattern::Parse(pattern + std::string(30, 'a') + "b");
  ASSERT_TRUE(slow.has_value());
  EXPECT_EQ(slow->FoundIn(std::string(30, 'a')), std::nullopt);
}

}  // namespace
}  // namespace slurmscope::agent
