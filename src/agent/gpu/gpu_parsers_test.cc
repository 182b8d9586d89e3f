#include <cstring>

#include <gtest/gtest.h>

#include "agent/gpu/amd.h"
#include "agent/gpu/collector.h"
#include "agent/gpu/counters.h"
#include "agent/gpu/fields.h"
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

TEST(Counters, FormsThatOtherProgramsWrite) {
  const Counters counters = ParseCounters(
      "\xEF\xBB\xBF# from a spreadsheet\r\n"
      "  # a comment, too\r\n"
      "DCGM_FI_DEV_DEC_UTIL ,     gauge, Decoder\r\n"
      "\"DCGM_FI_DEV_GPU_TEMP\" ,\"gauge\", \"Hot, or \"\"not\"\"\"\r\n"
      "\t\r\n"
      "DCGM_FI_DEV_SM_CLOCK,histogram,two\nlines");
  ASSERT_EQ(counters.rows.size(), 3u);
  EXPECT_EQ(counters.rows[0].name, "DCGM_FI_DEV_DEC_UTIL");
  EXPECT_EQ(counters.rows[1].help, "Hot, or \"not\"");
  EXPECT_EQ(counters.rows[2].type, model::MetricType::kGauge);
  ASSERT_EQ(counters.problems.size(), 1u);
  EXPECT_EQ(counters.problems[0], "line 7: 1 columns instead of 3 (field, type, help)");
}

TEST(Fields, OtherNames) {
  const auto same = [](std::string_view name, std::string_view usual) {
    EXPECT_EQ(UsualFieldName(name), usual);
    EXPECT_GE(FindField(name), 0) << name;
  };
  same("DCGM_FI_DEV_GPU_UTIL_RATIO", "DCGM_FI_DEV_GPU_UTIL");
  same("DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL");
  same("DCGM_FI_DEV_NVLINK_THROUGHPUT_L17", "DCGM_FI_DEV_NVLINK_BANDWIDTH_L17");
  same("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_TOTAL", "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL");
  same("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_L5_TOTAL", "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_L5");
  same("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL",
       "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL");
  same("DCGM_FI_PROF_TENSOR_UTIL_RATIO", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE");
  same("DCGM_FI_PROF_NVDEC_UTIL_7_RATIO", "DCGM_FI_PROF_NVDEC7_ACTIVE");
  same("DCGM_FI_SYSTEM_DRIVER_VERSION", "DCGM_FI_DRIVER_VERSION");
  same("dcgm_gpu_temp", "DCGM_FI_DEV_GPU_TEMP");
  same("dcgm_fi_prof_dram_active", "DCGM_FI_PROF_DRAM_ACTIVE");
  for (const char* name : {"", "_UTIL_", "DCGM_FI_PROF_X_UTIL_RATIO", "DCGM_FI_DEV_NVLINK__ERROR_",
                           "DCGM_FI_DEV_NVLINK_ERROR_TOTAL"}) {
    EXPECT_LT(FindField(name), 0) << name;
  }
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

// A log that is told events of GPU 1 and XID 48.
class XidLogTest : public testing::Test {
 protected:
  void Add(XidFrom from, int64_t ms, uint32_t instance = kNvmlNoInstance, bool counted = true) {
    log_.Add({.from = from,
              .pci = 1,
              .instance = instance,
              .xid = 48,
              .time_ms = ms,
              .arrived_ms = ms,
              .counted = counted});
  }
  XidLog::Entry Of(uint32_t instance, int64_t now_ms = 100'000, int64_t window_ms = 60'000) {
    std::vector<XidLog::Entry> entries;
    log_.Collect(1, instance, now_ms, window_ms, entries);
    return entries.empty() ? XidLog::Entry{} : entries[0];
  }

  XidLog log_;
};

TEST_F(XidLogTest, TheSameEventFromBothSourcesCountsOnce) {
  Add(XidFrom::kDriver, 1000);
  Add(XidFrom::kKernelLog, 1001);
  Add(XidFrom::kKernelLog, 90'000);
  log_.Add({.from = XidFrom::kKernelLog, .pci = 1, .xid = 62, .time_ms = 500, .counted = false});
  log_.Add({.pci = 2, .xid = 13, .time_ms = 95'000, .arrived_ms = 95'000});
  std::vector<XidLog::Entry> entries;
  log_.Collect(1, kNvmlNoInstance, 100'000, 60'000, entries);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].xid, 48u);
  EXPECT_EQ(entries[0].count, 2);
  EXPECT_EQ(entries[0].in_window, 1u);
  EXPECT_EQ(entries[0].last_ms, 90'000);
  EXPECT_EQ(entries[1].count, 0) << "from before the start";
  EXPECT_EQ(log_.Last(1, kNvmlNoInstance)->xid, 48u);
  EXPECT_FALSE(log_.Last(3, kNvmlNoInstance).has_value());
}

TEST_F(XidLogTest, EventsThatOnlyOneSourceTellsAreAllCounted) {
  Add(XidFrom::kDriver, 1000);
  Add(XidFrom::kDriver, 2000);
  // The driver was reloaded meanwhile: only the kernel tells these.
  Add(XidFrom::kKernelLog, 30'000);
  Add(XidFrom::kKernelLog, 31'000);
  EXPECT_EQ(Of(kNvmlNoInstance).count, 4);
}

TEST_F(XidLogTest, StormOfBothSources) {
  for (int i = 0; i < 3000; ++i) Add(XidFrom::kDriver, 50'000 + i);
  for (int i = 0; i < 3000; ++i) Add(XidFrom::kKernelLog, 52'000 + i);
  EXPECT_EQ(Of(kNvmlNoInstance).count, 3000);
  EXPECT_EQ(Of(kNvmlNoInstance).in_window, 3000u);
  EXPECT_EQ(Of(kNvmlNoInstance, 200'000).in_window, 0u);
}

TEST_F(XidLogTest, InstancesAddUp) {
  Add(XidFrom::kDriver, 1000, 7);
  Add(XidFrom::kDriver, 1000, 9);
  EXPECT_EQ(Of(kNvmlNoInstance).count, 2) << "two events, also without the kernel's log";
  EXPECT_EQ(Of(7).count, 1);
  Add(XidFrom::kKernelLog, 1002);
  Add(XidFrom::kKernelLog, 1003);
  EXPECT_EQ(Of(kNvmlNoInstance).count, 2);
  EXPECT_EQ(Of(9).count, 1);
  // The kernel may be the first.
  Add(XidFrom::kKernelLog, 50'000);
  EXPECT_EQ(Of(9).count, 2) << "may be of any instance";
  Add(XidFrom::kDriver, 50'001, 7);
  EXPECT_EQ(Of(kNvmlNoInstance).count, 3);
  EXPECT_EQ(Of(7).count, 2);
  EXPECT_EQ(Of(9).count, 1);
  EXPECT_EQ(log_.Last(1, 9)->last_ms, 1000);
  EXPECT_EQ(log_.Last(1, 7)->last_ms, 50'000);
}

TEST_F(XidLogTest, IsBounded) {
  for (uint32_t i = 0; i < 5000; ++i) {
    Add(XidFrom::kDriver, 1000, i);
    log_.Add({.pci = 5, .xid = i, .time_ms = 1, .arrived_ms = 1});
  }
  EXPECT_EQ(Of(kNvmlNoInstance).count, 5000);
  std::vector<XidLog::Entry> entries;
  log_.Collect(5, kNvmlNoInstance, 0, 0, entries);
  EXPECT_LE(entries.size(), 1024u);
}

TEST(JobMap, GarbageIsNoJob) {
  std::vector<std::string> jobs;
  std::string text = "12\r\n  13_4\t\n\xFF\xFE\n12\n4";
  text += '\0';
  text += "2\n" + std::string(300, '9') + "\n14";
  ParseJobFile(text, jobs);
  EXPECT_EQ(jobs, (std::vector<std::string>{"12", "13_4", "14"}));
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
  EXPECT_EQ(metrics->package_w, 750);
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
  // 32 numbers for JPEG engines come before the energy.
  std::string mi300_before = AmdTable(360, 1, 5);
  PutAt<uint64_t>(mi300_before, 88, 1000);
  PutAt<uint16_t>(mi300_before, 114, 320);
  PutAt<uint16_t>(mi300_before, 352, 900);
  EXPECT_EQ(ParseAmdMetrics(mi300_before)->energy_uj, 15259);
  EXPECT_EQ(ParseAmdMetrics(mi300_before)->pcie_speed_gt, 32);
  EXPECT_EQ(ParseAmdMetrics(mi300_before)->memory_mhz, 900);
  std::string first = AmdTable(80, 1, 0);
  PutAt<uint16_t>(first, 16, 40);
  PutAt<uint32_t>(first, 36, 100);
  PutAt<uint16_t>(first, 58, 1000);
  PutAt<uint8_t>(first, 75, 160);
  EXPECT_EQ(ParseAmdMetrics(first)->edge_c, 40);
  EXPECT_EQ(ParseAmdMetrics(first)->energy_uj, 1525.9);
  EXPECT_EQ(ParseAmdMetrics(first)->memory_mhz, 1000);
  EXPECT_EQ(ParseAmdMetrics(first)->pcie_speed_gt, 16);
  EXPECT_TRUE(std::isnan(ParseAmdMetrics(first)->pcie_width));
  std::string first_apu = AmdTable(120, 2, 0);
  PutAt<uint16_t>(first_apu, 80, 1800);
  EXPECT_EQ(ParseAmdMetrics(first_apu)->gfx_mhz, 1800);
  std::string strix = AmdTable(264, 3, 0);
  PutAt<uint32_t>(strix, 112, 54'000);
  PutAt<uint16_t>(strix, 174, 2900);
  EXPECT_EQ(ParseAmdMetrics(strix)->power_w, 54);
  EXPECT_EQ(ParseAmdMetrics(strix)->gfx_mhz, 2900);
  EXPECT_FALSE(ParseAmdMetrics(AmdTable(75, 1, 0)).has_value());
  EXPECT_FALSE(ParseAmdMetrics(AmdTable(259, 3, 0)).has_value());
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
