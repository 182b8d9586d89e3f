#include <cstdlib>
#include <thread>

#include "agent/gpu/gpu_page_for_test.h"

namespace slurmscope::agent::gpu {
namespace {

// Without what differs from run to run.
std::string Stable(const std::string& page) {
  std::string out;
  for (const std::string_view line : base::Split(page, '\n')) {
    const bool timed = line.starts_with("slurmscope_agent_gpu_snapshot_age_seconds ") ||
                       line.starts_with("slurmscope_agent_gpu_read_seconds ");
    if (!timed && !line.empty()) base::StrAppend(out, line, "\n");
  }
  return out;
}

TEST_F(GpuTest, GoldenPage) {
  Start();
  Page();
  std::this_thread::sleep_for(milliseconds(110));  // GPM needs two samples apart
  const std::string page = Stable(PageWith("DCGM_FI_PROF_SM_ACTIVE"));
  const std::string golden = SLURMSCOPE_ROOM_DIR "/testdata/gpu_golden.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(base::WriteFileAtomic(golden, page).has_value());
  }
  EXPECT_EQ(page, base::ReadFile(golden).value_or(""));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_POWER_USAGE", "0", "123.456")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_MEMORY_TEMP", "0", "50")));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_MEMORY_TEMP{gpu=\"1\"")) << "blank values are left out";
  EXPECT_TRUE(Has(page, Line("DCGM_FI_PROF_SM_ACTIVE", "0", "0.405")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_PROF_PCIE_TX_BYTES", "0", "1.048576e+08")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_FB_FREE", "0", "142171")));
}

TEST_F(GpuTest, FewCallsAScrape) {
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Reset();
  for (int i = 0; i < 10; ++i) Page();
  // On a busy machine the reading of the start may still be under way: two GPUs, ten pages and
  // that.
  EXPECT_LE(Calls("nvmlDeviceGetFieldValues"), 2u * 11);
  EXPECT_LE(Calls("nvmlDeviceGetTemperatureThreshold"), 2u * 4) << "rarely changes";
  EXPECT_LE(Calls("nvmlDeviceGetUUID"), 2u);
  EXPECT_EQ(Calls("nvmlInit_v2"), 0u);
  const uint64_t all = Calls() - Calls("nvmlEventSetWait_v2");
  EXPECT_LE(all, 10u * 2 * 13 + 2 * 60);
}

TEST_F(GpuTest, YoungValuesAreGivenAgain) {
  flags_.Add("gpu.collect-interval", "1h");
  Start();
  PageWith("DCGM_FI_DEV_GPU_TEMP");
  Reset();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Has(Page(), "DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_EQ(Calls("nvmlDeviceGetTemperature"), 0u);
}

TEST_F(GpuTest, XidsAreCountedAndStick) {
  Start();
  EXPECT_FALSE(Has(PageWith("DCGM_FI_DEV_GPU_TEMP"), "DCGM_FI_DEV_XID_ERRORS"));
  std::string storm = StrCat(kUsual, "xids");
  for (int i = 0; i < 300; ++i) storm += " 0:31";
  Configure(storm + " 1:79\n");
  const std::string page = PageWith("xid=\"79\"");
  EXPECT_TRUE(Has(page, "err_code=\"79\",err_msg=\"GPU has fallen off the bus\"} 79\n"));
  EXPECT_TRUE(Has(page, "severity=\"application\",xid=\"31\"} 300\n"));
  EXPECT_TRUE(Has(page, "severity=\"reset\",xid=\"79\"} 1\n"));
  EXPECT_TRUE(Has(page, "window_size_in_ms=\"300000\",xid=\"31\"} 300\n"));
}

TEST_F(GpuTest, InstancesOfAPartitionedGpu) {
  Configure(
      "gpus 2\n1.mig.0 7 1g.18gb 18000 100\n1.mig.1 9 2g.35gb 35000 200\n1.gpm.7.2 25\n"
      "1.gpm.1 1\n1.field.82 61\n1.procs.0 7:1 8:2\n");
  Start();
  Page();
  std::this_thread::sleep_for(milliseconds(110));
  const std::string page = PageWith("DCGM_FI_PROF_SM_ACTIVE");
  const std::string instance =
      "{gpu=\"1\",UUID=\"GPU-00000001\",pci_bus_id=\"00000000:11:00.0\",device=\"nvidia1\","
      "modelName=\"NVIDIA H200\",GPU_I_PROFILE=\"1g.18gb\",GPU_I_ID=\"7\",Hostname=\"n1\"";
  const auto of = [&](std::string_view name, std::string_view value) {
    return StrCat("\n", name, instance, ",DCGM_FI_DRIVER_VERSION=\"550.90.07\"} ", value, "\n");
  };
  EXPECT_TRUE(Has(page, of("DCGM_FI_DEV_FB_TOTAL", "18000"))) << page;
  EXPECT_TRUE(Has(page, of("DCGM_FI_PROF_SM_ACTIVE", "0.25")));
  EXPECT_TRUE(Has(page, of("DCGM_FI_DEV_MEMORY_TEMP", "61"))) << "the GPU's";
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_UTIL{gpu=\"1\""));
  EXPECT_FALSE(Has(page, Line("DCGM_FI_DEV_FB_TOTAL", "1", "143771")));
  EXPECT_TRUE(Has(page, Line("slurmscope_agent_gpu_mig_instances", "1", "2")));
  EXPECT_TRUE(Has(page, of("slurmscope_agent_gpu_processes", "2")));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_UTIL", "0", "37")));
}

TEST_F(GpuTest, JobsOfTheMappingDirectory) {
  ASSERT_TRUE(base::MakeDirectories(directory_ + "/jobs").has_value());
  Write("jobs/0", "12\n\n 13 \n12\n");
  Write("jobs/notes", "99\n");
  flags_.Add("hpc-job-mapping-dir", directory_ + "/jobs");
  Start();
  const std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, "hpc_job=\"12\"} 45\n"));
  EXPECT_TRUE(Has(page, "hpc_job=\"13\"} 45\n"));
  EXPECT_FALSE(Has(page, "hpc_job=\"99\""));
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_GPU_TEMP", "1", "45")));
  Write("jobs/0", "");
  EXPECT_TRUE(Has(Page(), Line("DCGM_FI_DEV_GPU_TEMP", "0", "45")));
}

TEST_F(GpuTest, CountersFileIsReadAgain) {
  Write("c.csv",
        "# mine\nDCGM_FI_DEV_GPU_TEMP, gauge, \"Hot, \"\"or\"\" not\"\nnonsense\n"
        "DCGM_FI_DEV_SERIAL, label, Serial\nDCGM_FI_NO_SUCH, gauge, x\n");
  flags_.Add("gpu.counters-file", directory_ + "/c.csv");
  Start();
  std::string page = PageWith("DCGM_FI_DEV_GPU_TEMP");
  EXPECT_TRUE(Has(page, "# HELP DCGM_FI_DEV_GPU_TEMP Hot, \"or\" not\n"));
  EXPECT_TRUE(Has(page, "Hostname=\"n1\",DCGM_FI_DEV_SERIAL=\"16500\"} 45\n"));
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_counters_file_problems 2\n"));
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_POWER_USAGE"));
  Write("c.csv", "DCGM_FI_DEV_POWER_USAGE, gauge, Power\n");
  page = PageWith("DCGM_FI_DEV_POWER_USAGE{");
  EXPECT_FALSE(Has(page, "DCGM_FI_DEV_GPU_TEMP"));
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_counters_file_problems 0\n"));
}

TEST_F(GpuTest, PeersAndNamesOfTheFirstVersion) {
  Configure("gpus 3\n0.p2p.1 0\n0.p2p.2 3\n");
  Write("c.csv",
        "DCGM_EXP_P2P_STATUS, counter, P2P\ndcgm_gpu_temp, gauge, Hot\n"
        "DCGM_FI_DEV_GPU_TEMP, gauge, Hot\nDCGM_FI_DEV_POWER_MGMT_LIMIT_MAX, gauge, x\n");
  flags_.Add("gpu.counters-file", directory_ + "/c.csv");
  flags_.Add("gpu.old-namespace", "true");
  Start();
  const std::string page = PageWith("dcgm_gpu_temp{gpu=\"0\",uuid=\"GPU-00000000\"");
  EXPECT_TRUE(Has(page, "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",uuid="));
  EXPECT_TRUE(Has(page, "Hostname=\"n1\",link_status=\"OK\",peer_gpu=\"1\"} 0\n"));
  EXPECT_TRUE(Has(page, "link_status=\"TopologyNotSupported\",peer_gpu=\"2\"} 3\n"));
  EXPECT_FALSE(Has(page, "DCGM_EXP_P2P_STATUS{gpu=\"1\"")) << "nothing known";
}

TEST_F(GpuTest, WhatCannotChangeIsAskedOnce) {
  ForwardClock forward;
  clock_ = &forward;
  Start();
  PageWith("DCGM_FI_DEV_SHUTDOWN_TEMP{gpu=\"1\"");
  Page();
  Reset();
  forward.Advance(11'000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Has(Page(), "DCGM_FI_DEV_SHUTDOWN_TEMP{gpu=\"1\""));
  EXPECT_EQ(Calls("nvmlDeviceGetTemperatureThreshold"), 0u);
  EXPECT_EQ(Calls("nvmlDeviceGetMaxPcieLinkWidth"), 0u);
  EXPECT_EQ(Calls("nvmlDeviceGetGridLicensableFeatures_v4"), 0u);
  EXPECT_GE(Calls("nvmlDeviceGetCurrPcieLinkWidth"), 2u);
  collector_.reset();
  machine_.reset();
}

TEST_F(GpuTest, InstancesThatStayCostFewCalls) {
  Configure("gpus 1\n0.mig.0 7 1g.18gb 18000 100\n0.mig.1 9 2g.35gb 35000 200\n");
  ForwardClock forward;
  clock_ = &forward;
  Start();
  PageWith("GPU_I_ID=\"9\"");
  Page();
  Reset();
  forward.Advance(11'000);
  for (int i = 0; i < 3; ++i) Page();
  EXPECT_EQ(Calls("nvmlInit_v2"), 0u);
  EXPECT_EQ(Calls("nvmlDeviceGetGpuInstanceId"), 2u);
  EXPECT_EQ(Calls("nvmlGpmSampleAlloc"), 0u);
  EXPECT_EQ(Calls("nvmlGpmQueryDeviceSupport"), 0u);
  collector_.reset();
  machine_.reset();
}

TEST_F(GpuTest, XidsOfInstances) {
  Configure("gpus 1\n0.mig.0 7 1g.18gb 18000 100\n0.mig.1 9 2g.35gb 35000 200\n");
  Start();
  PageWith("GPU_I_ID=\"9\"");
  Configure(
      "gpus 1\n0.mig.0 7 1g.18gb 18000 100\n0.mig.1 9 2g.35gb 35000 200\n"
      "xids 0:43:7 0:43:9 0:43:9\n");
  const std::string page = PageWith("xid=\"43\"} 3\n");
  EXPECT_TRUE(Has(page, "severity=\"application\",xid=\"43\"} 3\n"));
  EXPECT_TRUE(Has(page, "window_size_in_ms=\"300000\",xid=\"43\"} 1\n"));
  EXPECT_TRUE(Has(page, "window_size_in_ms=\"300000\",xid=\"43\"} 2\n"));
}

TEST_F(GpuTest, SumsOfLinksHaveTheirOwnScopeOnNewGpus) {
  Configure("gpus 1\n0.links 18\n0.field.38.all 7\n0.field.3 5\n");
  Start();
  const std::string page = PageWith("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL");
  EXPECT_TRUE(Has(page, Line("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "0", "7")));
}

TEST_F(GpuTest, LinksAndTheirRate) {
  Configure("gpus 1\n0.links 2\n0.field.138 0\n0.field.139 0\n0.field.138.1 2\n0.field.139.1 3\n");
  Start();
  std::string page = PageWith("nvlink_up");
  EXPECT_TRUE(Has(page, "slurmscope_agent_gpu_nvlink_transmit_bytes_total{gpu=\"0\""));
  EXPECT_TRUE(Has(page, "kind=\"crc_data\",link=\"1\"} 13\n"));
  EXPECT_TRUE(Has(page, "link=\"1\"} 2048\n"));
  std::this_thread::sleep_for(milliseconds(120));
  Configure("gpus 1\n0.links 2\n0.field.138 800000000\n0.field.139 1\n");
  page = PageWith("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL{");
  EXPECT_TRUE(Has(page, "# TYPE DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL counter\n"));
}

}  // namespace
}  // namespace slurmscope::agent::gpu
