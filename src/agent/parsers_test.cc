#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include <gtest/gtest.h>

#include "agent/collectors/cpu_topology.h"
#include "agent/collectors/ethtool.h"
#include "agent/collectors/mountinfo.h"
#include "agent/collectors/rtnetlink.h"
#include "agent/collectors/udev.h"
#include "agent/pattern.h"

namespace slurmscope::agent {
namespace {

TEST(CpuList, RangesAndGarbage) {
  EXPECT_EQ(ParseCpuList("1,3-5,9"), (std::vector<unsigned>{1, 3, 4, 5, 9}));
  EXPECT_TRUE(ParseCpuList("").empty());
  EXPECT_TRUE(ParseCpuList("5-3").empty());
  EXPECT_TRUE(ParseCpuList("0-4294967295").empty());
  EXPECT_TRUE(ParseCpuList("1,,2").empty());
}

TEST(MountInfo, OptionalFieldsEscapesAndReadOnly) {
  const auto mount = ParseMountInfo(
      "3148 3003 260:7 / /mnt/a\\040b\\134c rw,relatime shared:31 master:2 - nfs4 srv:/x\\040y "
      "ro,vers=4");
  ASSERT_TRUE(mount.has_value());
  EXPECT_EQ(mount->major, "260");
  EXPECT_EQ(mount->minor, "7");
  EXPECT_EQ(mount->mount_point, "/mnt/a b\\c");
  EXPECT_EQ(mount->device, "srv:/x y");
  EXPECT_EQ(mount->fs_type, "nfs4");
  EXPECT_TRUE(mount->read_only) << "by the super block";
  EXPECT_FALSE(ParseMountInfo("27 1 8:1 / / rw,errors=remount-ro - ext4 /dev/sda1 rw")->read_only);
}

TEST(MountInfo, MalformedLines) {
  EXPECT_FALSE(ParseMountInfo("").has_value());
  EXPECT_FALSE(ParseMountInfo("27 1 8:1 / / rw shared:1").has_value());
  EXPECT_FALSE(ParseMountInfo("27 1 8 / / rw - ext4 /dev/sda rw").has_value());
  EXPECT_EQ(UnescapeOctal("\\04"), "\\04");
  EXPECT_EQ(UnescapeOctal("\\777"), "\\777") << "no such byte";
}

TEST(Udev, BestSerialWins) {
  EXPECT_EQ(ParseUdevData("E:ID_SERIAL=long\n").serial, "long");
  EXPECT_EQ(ParseUdevData("E:ID_SERIAL=long\nE:ID_SERIAL_SHORT=s\n").serial, "s");
  EXPECT_EQ(ParseUdevData("E:SCSI_IDENT_SERIAL=label\nE:ID_SERIAL_SHORT=s\n").serial, "label");
  EXPECT_EQ(ParseUdevData("S:ID_MODEL=no\nE:ID_MODEL=a=b\nE:").model, "a=b");
}

std::string LinkMessage(uint32_t sequence, uint16_t type, std::string_view name,
                        uint64_t rx_bytes) {
  const auto attribute = [](uint16_t kind, std::string_view value) {
    rtattr header{static_cast<uint16_t>(sizeof(rtattr) + value.size()), kind};
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    out += value;
    out.resize((out.size() + 3) & ~size_t{3});
    return out;
  };
  rtnl_link_stats64 stats{};
  stats.rx_bytes = rx_bytes;
  std::string body(sizeof(ifinfomsg), '\0');
  body += attribute(IFLA_IFNAME, std::string(name) + '\0');
  body += attribute(IFLA_STATS64, {reinterpret_cast<const char*>(&stats), sizeof stats});
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_seq = sequence;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

Result<bool> ParseLinks(std::string_view datagram, LinkList::Visit visit) {
  return ParseNetlink(datagram, 7, [&](uint16_t type, std::string_view body) -> Result<void> {
    if (type != RTM_NEWLINK) return {};
    return VisitLink(body, visit);
  });
}

TEST(Rtnetlink, ListsLinksOfThisRequestOnly) {
  const std::string data = LinkMessage(7, RTM_NEWLINK, "ib0", 42) +
                           LinkMessage(6, RTM_NEWLINK, "old", 1) +
                           LinkMessage(7, NLMSG_DONE, "", 0);
  std::vector<std::pair<std::string, uint64_t>> links;
  const auto done = ParseLinks(data, [&](std::string_view name, const rtnl_link_stats64& stats) {
    links.emplace_back(name, stats.rx_bytes);
  });
  ASSERT_TRUE(done.has_value());
  EXPECT_TRUE(*done);
  EXPECT_EQ(links, (std::vector<std::pair<std::string, uint64_t>>{{"ib0", 42}}));
}

TEST(Rtnetlink, EveryTruncationIsSafe) {
  const std::string data = LinkMessage(7, RTM_NEWLINK, "eth0", 1);
  for (size_t n = 0; n < data.size(); ++n) {
    std::string cut = data.substr(0, n);
    (void)ParseLinks(cut, [](std::string_view, const rtnl_link_stats64&) {});
    if (n < sizeof(nlmsghdr)) continue;
    const auto length = static_cast<uint32_t>(n);
    std::memcpy(cut.data(), &length, sizeof length);
    (void)ParseLinks(cut, [](std::string_view, const rtnl_link_stats64&) {});
  }
}

TEST(LinkList, FindsLoopbackOnThisMachine) {
  LinkList links;
  bool lo = false;
  for (int i = 0; i < 2; ++i) {
    const auto read =
        links.Read([&](std::string_view name, const rtnl_link_stats64&) { lo |= name == "lo"; });
    if (!read) GTEST_SKIP() << "no netlink here: " << read.error().message();
  }
  EXPECT_TRUE(lo);
}

TEST(Ethtool, NamesOfCountersBecomeMetrics) {
  EXPECT_EQ(CleanStatName("port.rx_dropped"), "port_rx_dropped");
  EXPECT_EQ(CleanStatName("a__ %__b_"), "a_b_");
  EXPECT_EQ(CleanStatName(""), "");
  EXPECT_EQ(StatMetric("rx_xdp_tx"), "node_ethtool_received_xdp_transmitted");
  EXPECT_EQ(StatMetric("tx_tx_timeouts"), "node_ethtool_transmitted_tx_timeouts");
  EXPECT_EQ(StatMetric("__Align_rx0"), "node_ethtool_align_rx0");
}

TEST(Pattern, MatchesAnywhereAndExplainsErrors) {
  EXPECT_TRUE(Pattern::Compile("f", "b+")->FoundIn("abbc"));
  EXPECT_FALSE(Pattern::Compile("f", "^b")->FoundIn("abbc"));
  const auto bad = Pattern::Compile("collector.vmstat.fields", "(");
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().message().find("--collector.vmstat.fields"), std::string::npos);
}

TEST(Pattern, TextsThatAreNotSimpleAreMatchedToo) {
  const auto pattern = Pattern::Compile("f", "^a.b$");
  EXPECT_TRUE(
      pattern->FoundIn("a\xC3\xA4"
                       "b"));
  EXPECT_FALSE(
      pattern->FoundIn("a\xC3"
                       "b"));
  EXPECT_TRUE(Pattern::Compile("f", "b")->FoundIn(std::string(5000, 'a') + "b"));
  EXPECT_TRUE(Pattern::Compile("f", "(?i)B")->FoundIn("abc"));
}

TEST(DeviceFilter, IncludeBeatsDefaultExcludeButNotAGivenOne) {
  FlagValues flags;
  flags.Declare({"c.device-exclude", FlagKind::kString, "^sd", ""});
  flags.Declare({"c.device-include", FlagKind::kString, "", ""});
  EXPECT_TRUE(DeviceFilter::FromFlags(flags, "c.device")->Ignored("sda"));
  flags.Add("c.device-include", "^sda$");
  EXPECT_FALSE(DeviceFilter::FromFlags(flags, "c.device")->Ignored("sda"));
  EXPECT_TRUE(DeviceFilter::FromFlags(flags, "c.device")->Ignored("sdb"));
  flags.Add("c.device-exclude", "x");
  const auto both = DeviceFilter::FromFlags(flags, "c.device");
  ASSERT_FALSE(both.has_value());
  EXPECT_EQ(both.error().message(), "device-exclude & device-include are mutually exclusive");
}

TEST(DeviceFilter, OldNameWorksAlone) {
  FlagValues flags;
  flags.Declare({"c.device-exclude", FlagKind::kString, "^sd", ""});
  flags.Add("c.ignored-devices", "^nvme");
  const auto filter = DeviceFilter::FromFlags(flags, "c.device", {}, "c.ignored-devices");
  EXPECT_TRUE(filter->Ignored("nvme0"));
  EXPECT_FALSE(filter->Ignored("sda"));
}

}  // namespace
}  // namespace slurmscope::agent
