#include <gtest/gtest.h>

#include "agent/attr_file.h"
#include "agent/collectors/human_size.h"
#include "agent/collectors/hwmon_names.h"
#include "agent/collectors/mdstat.h"
#include "agent/collectors/pci_ids.h"
#include "agent/collectors/prom_file.h"

namespace slurmscope::agent {
namespace {

TEST(ParseAttrNumber, DecimalHexAndNegative) {
  EXPECT_EQ(ParseAttrNumber("12"), 12);
  EXPECT_EQ(ParseAttrNumber("-1"), -1);
  EXPECT_EQ(ParseAttrNumber("0x1f"), 31);
  EXPECT_EQ(ParseAttrNumber("0xffffffffffffffff"), std::nullopt);
  EXPECT_EQ(ParseAttrNumber("N/A (no PMA)"), std::nullopt);
  EXPECT_EQ(ParseAttrNumber(""), std::nullopt);
  EXPECT_EQ(ParseAttrNumber("--1"), std::nullopt);
}

TEST(HumanSize, OfBothFileSystems) {
  EXPECT_EQ(ParseHumanSize("512"), 512);
  EXPECT_EQ(ParseHumanSize("1.26k"), 1290);
  EXPECT_EQ(ParseHumanSize("x"), std::nullopt);
  EXPECT_EQ(ParseHumanSize(""), std::nullopt);
  EXPECT_EQ(ParseBcacheSize("1.1M"), 1024 * 1024 + 100 * 1024);
  EXPECT_EQ(ParseBcacheSize("7"), 7);
  EXPECT_EQ(ParseBcacheSize("1.x"), std::nullopt);
}

TEST(Hwmon, FileNames) {
  const auto temp = ParseHwmonFile("temp12_crit_alarm");
  ASSERT_TRUE(temp.has_value());
  EXPECT_EQ(temp->type, "temp");
  EXPECT_EQ(temp->sensor, "temp12");
  EXPECT_EQ(temp->element, "crit_alarm");
  EXPECT_EQ(HwmonMetricOf(*temp, false).name, "node_hwmon_temp_crit_alarm_celsius");
  EXPECT_EQ(ParseHwmonFile("uevent"), std::nullopt);
  EXPECT_EQ(ParseHwmonFile("in0x"), std::nullopt);
  EXPECT_EQ(ParseHwmonFile(""), std::nullopt);
  EXPECT_EQ(HwmonMetricOf(*ParseHwmonFile("fan1_input"), true).name, "node_hwmon_fan_input_rpm");
  EXPECT_EQ(CleanName("  NCT-6775.656 "), "nct_6775_656");
}

TEST(Mdstat, StatesAndCounts) {
  const auto arrays = ParseMdstat(
      "Personalities : [raid1]\n"
      "md0 : active raid1 a[0] b[1](F) c[2](S)\n"
      "      100 blocks super 1.2 [2/1] [U_]\n"
      "      resync=DELAYED\n"
      "md1 : inactive d[0](S)\n"
      "      7 blocks\n");
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays[0].state, "resync");
  EXPECT_EQ(arrays[0].active, 1u);
  EXPECT_EQ(arrays[0].required, 2u);
  EXPECT_EQ(arrays[0].failed, 1u);
  EXPECT_EQ(arrays[0].spare, 1u);
  EXPECT_EQ(arrays[0].synced, 0u);
  EXPECT_EQ(arrays[1].state, "inactive");
  EXPECT_EQ(arrays[1].required, 0u);
  EXPECT_EQ(arrays[1].synced, 7u);
}

TEST(PromFile, HistogramsBelongToTheirFamily) {
  const auto families = ParsePromFile(
      "# TYPE h histogram\nh_bucket{le=\"+Inf\",a=\"x\"} 1\nh_sum 2\nh_count 1\ng_sum 4\n");
  ASSERT_TRUE(families.has_value());
  ASSERT_EQ(families->size(), 2u);
  EXPECT_EQ((*families)[0].samples.size(), 3u);
  EXPECT_EQ((*families)[0].samples[0].series, "h_bucket{a=\"x\",le=\"+Inf\"}");
  EXPECT_EQ((*families)[1].name, "g_sum");
  EXPECT_FALSE(ParsePromFile("x 1 1000\n").has_value());
  EXPECT_EQ(ParsePromFile("x 1\n{\"a.b\"} 1\n").error().message(),
            "line 2: not a name of the text format: \"a.b\"");
  EXPECT_FALSE(ParsePromFile("x{\"a.b\"=\"1\"} 1\n").has_value());
  EXPECT_FALSE(ParsePromFile("x{a.b=\"1\"} 1\n").has_value());
  EXPECT_FALSE(ParsePromFile("x{ 1\n").has_value());
}

constexpr const char* kPciIds =
    "# a comment\n"
    "10de  NVIDIA Corporation\n"
    "\t2330  GH100 [H100 SXM5 80GB]\n"
    "\t\t10de 16c1  HGX board\n"
    "\t2331  GH100 [H100 PCIe]\n"
    "\n"
    "15b3  Mellanox Technologies\n"
    "\t1021  MT2910 Family [ConnectX-7]\n"
    "not a line of it\n"
    "C 01  Mass storage controller\n"
    "\t08  Non-Volatile memory controller\n"
    "\t\t02  NVM Express\n"
    "C 03  Display controller\n"
    "\t02  3D controller\n";

TEST(PciIds, NamesOfDevicesAndClasses) {
  const PciIds ids(kPciIds);
  EXPECT_EQ(ids.Vendor("10de"), "NVIDIA Corporation");
  EXPECT_EQ(ids.Device("10de", "2331"), "GH100 [H100 PCIe]");
  EXPECT_EQ(ids.Subsystem("10de", "2330", "10de", "16c1"), "HGX board");
  EXPECT_EQ(ids.Class("010802"), "NVM Express");
  EXPECT_EQ(ids.Class("0108ff"), "Non-Volatile memory controller");
  EXPECT_EQ(ids.Class("01ff02"), "Mass storage controller");
  EXPECT_EQ(ids.Class("030200"), "3D controller");
}

TEST(PciIds, WhatIsNotThereHasNoName) {
  const PciIds ids(kPciIds);
  EXPECT_EQ(ids.Vendor("10d"), "");
  EXPECT_EQ(ids.Device("15b3", "2331"), "") << "of another vendor";
  EXPECT_EQ(ids.Device("10de", ""), "");
  EXPECT_EQ(ids.Subsystem("10de", "2331", "10de", "16c1"), "") << "of another device";
  EXPECT_EQ(ids.Class("0108"), "");
  EXPECT_EQ(ids.Class("ff0000"), "");
  EXPECT_EQ(PciIds("").Vendor(""), "");
}

}  // namespace
}  // namespace slurmscope::agent
