#include <cstring>

#include <gtest/gtest.h>

#include "agent/gpu/amd.h"
#include "agent/gpu/collector.h"
#include "agent/gpu/counters.h"
#include "agent/gpu/job_map.h"
#include "agent/gpu/xid_watch.h"

namespace slurmscope::agent::gpu {
namespace {

TEST(Counters, DefaultHasNoProblems) {
  EXPECT_TRUE(DefaultCounters().problems.empty());
  EXPECT_GT(DefaultCounters().rows.size(), 45u);
}

TEST(Counters, ProblemsNameTheLine) {
  const Counters counters = ParseCounters(
      "# comment, with, commas\n"
      "\n"
      "DCGM_FI_DEV_GPU_TEMP, gauge, Hot\n"
      "DCGM_FI_DEV_GPU_TEMP, gauge\n"
      "DCGM_FI_DEV_GPU_UTIL, meter, x\n"
      "DCGM_FI_DRIVER_VERSION, gauge, x\n"
      "DCGM_FI_DEV_GPU_TEMP, gauge, again\n"
      "DCGM_FI_DEV_BOARD_POWER_WATTS, gauge, new name\n"
      "DCGM_FI_DEV_SM_CLOCK, gauge, \"open\n");
  ASSERT_EQ(counters.rows.size(), 2u);
  EXPECT_EQ(counters.rows[1].name, "DCGM_FI_DEV_BOARD_POWER_WATTS");
  EXPECT_EQ(counters.rows[1].field, FindField("DCGM_FI_DEV_POWER_USAGE"));
  ASSERT_EQ(counters.problems.size(), 5u);
  EXPECT_EQ(counters.problems[0], "line 4: 2 columns instead of 3 (field, type, help)");
  EXPECT_EQ(counters.problems[1], "line 5: unknown type \"meter\"");
  EXPECT_EQ(counters.problems[2], "line 6: DCGM_FI_DRIVER_VERSION can only be a label");
  EXPECT_EQ(counters.problems[3], "line 7: field named a second time");
  EXPECT_EQ(counters.problems[4], "line 9: a quote is not closed");
}

TEST(Xid, KernelLines) {
  const auto xid = ParseKernelXid(
      "4,1234,5678901,-;NVRM: Xid (PCI:0000:1a:00): 79, pid=1, GPU has fallen off the bus.");
  ASSERT_TRUE(xid.has_value());
  EXPECT_EQ(xid->xid, 79u);
  EXPECT_EQ(xid->pci, ParsePciAddress("00000000:1A:00.0"));
  EXPECT_EQ(KernelRecordTimeUs("4,1234,5678901,-;x"), 5678901);
  EXPECT_TRUE(ParseKernelXid("NVRM: Xid (0000:1a:00): 13, x").has_value());
  for (const char* bad :
       {"", "NVRM: Xid (", "NVRM: Xid (PCI:0000:1a:00) 79", "NVRM: Xid (PCI:zz:1a:00): 79",
        "NVRM: Xid (PCI:0000:1a:00): ", "NVRM: Xid (PCI:0000:1a:00): 99999999"}) {
    EXPECT_FALSE(ParseKernelXid(bad).has_value()) << bad;
  }
}

TEST(Xid, TheSameEventFromBothSourcesCountsOnce) {
  XidLog log;
  log.Add(XidFrom::kDriver, 1, kNvmlNoInstance, 48, 1000, true);
  log.Add(XidFrom::kKernelLog, 1, kNvmlNoInstance, 48, 1001, true);
  log.Add(XidFrom::kKernelLog, 1, kNvmlNoInstance, 48, 90'000, true);
  log.Add(XidFrom::kKernelLog, 1, kNvmlNoInstance, 62, 500, false);  // before we started
  log.Add(XidFrom::kDriver, 2, kNvmlNoInstance, 13, 95'000, true);
  std::vector<XidLog::Entry> entries;
  log.Collect(1, kNvmlNoInstance, 100'000, 60'000, entries);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].xid, 48u);
  EXPECT_EQ(entries[0].count, 2);
  EXPECT_EQ(entries[0].in_window, 1u);
  EXPECT_EQ(entries[0].last_ms, 90'000);
  EXPECT_EQ(entries[1].count, 0);
  EXPECT_EQ(log.Last(1, kNvmlNoInstance)->xid, 48u);
  EXPECT_FALSE(log.Last(3, kNvmlNoInstance).has_value());
}

TEST(JobMap, FileNames) {
  unsigned gpu = 0;
  int64_t instance = 0;
  EXPECT_TRUE(ParseJobFileName("3.7", gpu, instance));
  EXPECT_EQ(gpu, 3u);
  EXPECT_EQ(instance, 7);
  EXPECT_TRUE(ParseJobFileName("11", gpu, instance));
  EXPECT_EQ(instance, -1);
  for (const char* bad : {"", ".", "a", "1.", ".1", "1.2.3", "-1", "99999999999"}) {
    EXPECT_FALSE(ParseJobFileName(bad, gpu, instance)) << bad;
  }
}

TEST(DeviceChoice, Grammar) {
  GpuEntity gpu, instance;
  auto identity = std::make_shared<GpuIdentity>();
  identity->index = 2;
  gpu.identity = instance.identity = identity;
  gpu.partitioned = instance.instance = true;
  instance.instance_id = 9;
  const auto shows = [&](std::string_view text) {
    const DeviceChoice choice = DeviceChoice::Parse(text).value();
    return std::pair(choice.Shows(gpu), choice.Shows(instance));
  };
  EXPECT_EQ(shows("f"), std::pair(false, true));
  EXPECT_EQ(shows("g"), std::pair(true, false));
  EXPECT_EQ(shows("g:0,2-3"), std::pair(true, false));
  EXPECT_EQ(shows("g:0,3"), std::pair(false, false));
  EXPECT_EQ(shows("i:9"), std::pair(false, true));
  EXPECT_EQ(shows("i:1-8"), std::pair(false, false));
  for (const char* bad : {"", "x", "f:1", "g:", "g:3-1", "i:a"}) {
    EXPECT_FALSE(DeviceChoice::Parse(bad).has_value()) << bad;
  }
}

std::string AmdTable(uint16_t size, uint8_t format, uint8_t content) {
  std::string table(size, '\xFF');
  std::memcpy(table.data(), &size, 2);
  table[2] = static_cast<char>(format);
  table[3] = static_cast<char>(content);
  return table;
}

template <typename T>
void PutAt(std::string& table, size_t at, T value) {
  std::memcpy(table.data() + at, &value, sizeof value);
}

TEST(AmdTable, Versions) {
  std::string mi300 = AmdTable(1664, 1, 6);
  PutAt<uint16_t>(mi300, 4, 55);
  PutAt<uint16_t>(mi300, 10, 750);
  PutAt<uint16_t>(mi300, 12, 99);
  PutAt<uint64_t>(mi300, 16, 1000);
  PutAt<uint64_t>(mi300, 104, 3);
  PutAt<uint16_t>(mi300, 264, 2100);
  const auto metrics = ParseAmdMetrics(mi300);
  ASSERT_TRUE(metrics.has_value());
  EXPECT_EQ(metrics->junction_c, 55);
  EXPECT_EQ(metrics->power_w, 750);
  EXPECT_EQ(metrics->gfx_percent, 99);
  EXPECT_EQ(metrics->energy_uj, 15259);
  EXPECT_EQ(metrics->pcie_replays, 3);
  EXPECT_EQ(metrics->gfx_mhz, 2100);
  EXPECT_TRUE(std::isnan(metrics->memory_c)) << "all ones are no value";
  EXPECT_TRUE(std::isnan(metrics->edge_c));
  std::string mi200 = AmdTable(120, 1, 3);
  PutAt<uint16_t>(mi200, 4, 41);
  PutAt<uint16_t>(mi200, 76, 160);
  EXPECT_EQ(ParseAmdMetrics(mi200)->edge_c, 41);
  EXPECT_EQ(ParseAmdMetrics(mi200)->pcie_speed_gt, 16);
  std::string apu = AmdTable(168, 2, 4);
  PutAt<uint16_t>(apu, 4, 5550);
  EXPECT_EQ(ParseAmdMetrics(apu)->edge_c, 55.5);
  EXPECT_FALSE(ParseAmdMetrics(AmdTable(287, 1, 4)).has_value());
  EXPECT_FALSE(ParseAmdMetrics(AmdTable(200, 9, 9)).has_value());
  EXPECT_FALSE(ParseAmdMetrics(mi300.substr(0, 100)).has_value());
}

TEST(PauseFile, Content) {
  EXPECT_EQ(ParsePauseFile("")->duration, std::chrono::minutes(10));
  EXPECT_EQ(ParsePauseFile("5m\n")->duration, std::chrono::minutes(5));
  EXPECT_TRUE(ParsePauseFile("release 1h")->release);
  EXPECT_EQ(ParsePauseFile("30d")->duration, kLongestPause);
  EXPECT_FALSE(ParsePauseFile("soon").has_value());
}

}  // namespace
}  // namespace slurmscope::agent::gpu
